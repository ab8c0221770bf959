//! A ZIP archive as it is made, without holding it: stored, not compressed (APPNOTE 6.3.10, sections 4.3 to 4.5). Up to
//! 65,535 files and 4 GiB, as the first edition of the format allows.

/// One archive under way.
#[derive(Default)]
pub(super) struct Zip {
    /// How many bytes were made.
    offset: u32,
    /// The central directory so far.
    directory: Vec<u8>,
    files: u16,
    /// The file whose content comes in pieces.
    open: Option<Open>,
}

struct Open {
    name: String,
    at: u32,
    crc: u32,
    size: u32,
}

/// The size of a file is told after its content (bit 3), and names are UTF-8 (bit 11).
const LATER: u16 = 0x0808;
const UTF8: u16 = 0x0800;
/// 1 January 1980, midnight: the archive's times say nothing.
const DATE: u16 = 0x0021;

impl Zip {
    /// A whole file.
    pub(super) fn file(&mut self, name: &str, content: &[u8]) -> Vec<u8> {
        let (at, crc, size) = (self.offset, crc32(0, content), length(content));
        let mut out = Vec::with_capacity(content.len() + name.len() + 30);
        header(&mut out, name, UTF8, crc, size);
        out.extend_from_slice(content);
        self.list(name, UTF8, at, crc, size);
        self.made(out)
    }

    /// Begins a file whose content comes in pieces.
    pub(super) fn begin(&mut self, name: &str) -> Vec<u8> {
        self.open = Some(Open {
            name: name.to_owned(),
            at: self.offset,
            crc: 0,
            size: 0,
        });
        let mut out = Vec::new();
        header(&mut out, name, LATER, 0, 0);
        self.made(out)
    }

    /// A piece of it.
    pub(super) fn piece(&mut self, content: Vec<u8>) -> Vec<u8> {
        if let Some(open) = &mut self.open {
            open.crc = crc32(open.crc, &content);
            open.size = open.size.saturating_add(length(&content));
        }
        self.made(content)
    }

    /// Ends it.
    pub(super) fn end(&mut self) -> Vec<u8> {
        let Some(open) = self.open.take() else {
            return Vec::new();
        };
        self.list(&open.name, LATER, open.at, open.crc, open.size);
        let mut out = Vec::with_capacity(16);
        for word in [0x0807_4b50, open.crc, open.size, open.size] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        self.made(out)
    }

    /// The directory that ends the archive.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut out = self.directory;
        let size = length(&out);
        out.extend_from_slice(&0x0605_4b50_u32.to_le_bytes());
        halves(&mut out, &[0, 0, self.files, self.files]);
        out.extend_from_slice(&size.to_le_bytes());
        out.extend_from_slice(&self.offset.to_le_bytes());
        halves(&mut out, &[0]);
        out
    }

    fn made(&mut self, out: Vec<u8>) -> Vec<u8> {
        self.offset = self.offset.saturating_add(length(&out));
        out
    }

    fn list(&mut self, name: &str, flags: u16, at: u32, crc: u32, size: u32) {
        let out = &mut self.directory;
        out.extend_from_slice(&0x0201_4b50_u32.to_le_bytes());
        halves(out, &[20, 20, flags, 0, 0, DATE]);
        for word in [crc, size, size] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        halves(out, &[half(name.len()), 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&at.to_le_bytes());
        out.extend_from_slice(name.as_bytes());
        self.files = self.files.saturating_add(1);
    }
}

fn header(out: &mut Vec<u8>, name: &str, flags: u16, crc: u32, size: u32) {
    out.extend_from_slice(&0x0403_4b50_u32.to_le_bytes());
    halves(out, &[20, flags, 0, 0, DATE]);
    for word in [crc, size, size] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    halves(out, &[half(name.len()), 0]);
    out.extend_from_slice(name.as_bytes());
}

fn halves(out: &mut Vec<u8>, values: &[u16]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn half(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// CRC-32 as ZIP has it (ISO-HDLC: reflected, polynomial 0xEDB88320), going on from `before`.
fn crc32(before: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!before, |crc, byte| {
        (crc >> 8) ^ CRC[usize::from(u8::try_from((crc ^ u32::from(*byte)) & 0xff).unwrap_or_default())]
    })
}

const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                (value >> 1) ^ 0xedb8_8320
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!(crc32(0, b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(crc32(0, b"1234"), b"56789"), 0xcbf4_3926);
    }

    #[test]
    fn an_archive_ends_with_a_directory_that_finds_every_file() {
        let mut zip = Zip::default();
        let mut archive = zip.file("README.txt", b"read me");
        archive.extend(zip.begin("entries.ndjson"));
        archive.extend(zip.piece(b"one\n".to_vec()));
        archive.extend(zip.piece(b"two\n".to_vec()));
        archive.extend(zip.end());
        archive.extend(zip.finish());
        let end = &archive[archive.len() - 22..];
        assert_eq!(end[..4], *b"PK\x05\x06");
        assert_eq!(end[10], 2);
        let directory = u32::from_le_bytes(end[16..20].try_into().unwrap()) as usize;
        let second = directory + 46 + "README.txt".len();
        assert_eq!(archive[directory..directory + 4], *b"PK\x01\x02");
        let size = u32::from_le_bytes(archive[second + 24..second + 28].try_into().unwrap());
        let at = u32::from_le_bytes(archive[second + 42..second + 46].try_into().unwrap()) as usize;
        let content = at + 30 + "entries.ndjson".len();
        assert_eq!(archive[content..content + size as usize], *b"one\ntwo\n");
        assert_eq!(archive[second + 16..second + 20], crc32(0, b"one\ntwo\n").to_le_bytes());
    }
}
