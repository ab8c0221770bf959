//! Sealing, master keys, rotation and blind indexes.

use std::os::unix::fs::PermissionsExt;

use liaison_domain::{PatientId, SeededRandom};
use liaison_store::{MasterKeys, MasterSource, Place, Store, StoreError, args};
use liaison_testkit::both_engines;
use uuid::Uuid;

use crate::support::{count, id, key_file, open, past_the_store, patient, sql};

const SECRET: &[u8] = b"Synthia Testpatient-Rivera";

async fn a_patient(store: &Store) -> PatientId {
    let mut tx = store.begin().await.unwrap();
    let patient = patient(&mut tx).await;
    tx.commit().await.unwrap();
    patient
}

async fn seal(store: &Store, patient: PatientId, place: Place) -> Vec<u8> {
    let mut conn = store.read().await.unwrap();
    let key = store.keyring().unwrap().patient_key(&mut conn, patient).await.unwrap();
    key.seal(place, SECRET, &*store.random()).unwrap()
}

async fn opens(store: &Store, patient: PatientId, place: Place, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut conn = store.read().await?;
    let key = store.keyring()?.patient_key(&mut conn, patient).await?;
    Ok(key.open(place, sealed)?.to_vec())
}

fn text(path: &std::path::Path) -> MasterSource {
    MasterSource::Text(std::fs::read_to_string(path).unwrap().into())
}

both_engines! {
    async fn ciphertext_opens_only_where_it_was_sealed(app: App) {
        let store = app.service.store();
        let (one, other) = (a_patient(store).await, a_patient(store).await);
        let row: Uuid = id::<liaison_domain::NoteId>(store).uuid();
        let place = Place::new("note", "draft_sealed", row);
        let sealed = seal(store, one, place).await;
        assert!(!sealed.windows(7).any(|bytes| bytes == b"Synthia"));
        assert_eq!(opens(store, one, place, &sealed).await.unwrap(), SECRET);
        assert_ne!(seal(store, one, place).await, sealed, "a nonce is used once");

        let moved = [
            (one, Place::new("note", "draft_sealed", Uuid::nil())),
            (one, Place::new("note", "content_sealed", row)),
            (one, Place::new("note_version", "draft_sealed", row)),
            (other, place),
        ];
        for (patient, place) in moved {
            let error = opens(store, patient, place, &sealed).await.expect_err("moved");
            assert!(matches!(error, StoreError::Sealed { .. }), "{error}");
            assert!(!error.to_string().contains("Synthia"));
        }
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(opens(store, one, place, &altered).await.is_err(), "byte {at} was altered");
        }
        assert!(opens(store, one, place, &sealed[..sealed.len() - 1]).await.is_err());
        assert!(opens(store, one, place, &[]).await.is_err());
    }

    async fn a_wrong_master_key_is_a_clear_error(app: App) {
        let other = MasterKeys::generate(&SeededRandom::new(77)).to_text();
        let error = open(&app, true, MasterSource::Text(other), 3).await.err().expect("refused");
        assert!(error.to_string().contains("key is wrong"), "{error}");
        let named = "master other AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned();
        let error = open(&app, true, MasterSource::Text(named.into()), 3).await.err().expect("refused");
        assert!(error.to_string().contains("master key m1, which is missing"), "{error}");
    }

    async fn the_key_file_is_made_private_and_refused_when_others_can_read_it(app: App) {
        let path = key_file(&app);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let left: Vec<_> = std::fs::read_dir(app.database.folder.path())
            .unwrap()
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with("master") && name != "master.key")
            .collect();
        assert_eq!(left, Vec::<String>::new(), "no copy of the key is left behind");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = open(&app, true, MasterSource::File(path), 3).await.err().expect("refused");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    async fn after_a_rotation_everything_opens_and_the_old_master_key_opens_nothing(app: App) {
        let store = app.service.store();
        let one = a_patient(store).await;
        let place = Place::new("note", "draft_sealed", Uuid::nil());
        let sealed = seal(store, one, place).await;
        let secret = store.keyring().unwrap().seal_secret(place, SECRET, &*store.random()).unwrap();
        let digest = store.keyring().unwrap().index().digest("test", b"value");
        let derived = store.keyring().unwrap().derive("test", b"value").unwrap();
        let source = MasterSource::File(key_file(&app));
        let old = text(&key_file(&app));

        let wrapped = liaison_store::keys::rotate_master(store, &source).await.unwrap();
        assert_eq!(wrapped, 4, "three service keys and a patient's");

        // The running process goes on with what it holds and with patients it did not hold.
        let later = a_patient(store).await;
        assert_eq!(opens(store, one, place, &sealed).await.unwrap(), SECRET);
        let fresh = open(&app, true, source, 5).await.unwrap();
        for patient in [one, later] {
            let sealed = seal(&fresh, patient, place).await;
            assert_eq!(opens(&fresh, patient, place, &sealed).await.unwrap(), SECRET);
        }
        assert_eq!(opens(&fresh, one, place, &sealed).await.unwrap(), SECRET);
        assert_eq!(fresh.keyring().unwrap().open_secret(place, &secret).unwrap().as_slice(), SECRET);
        assert_eq!(fresh.keyring().unwrap().index().digest("test", b"value"), digest, "searches still find");
        assert_eq!(fresh.keyring().unwrap().derive("test", b"value").unwrap(), derived, "links still open");
        fresh.close().await;
        let error = open(&app, true, old, 6).await.err().expect("refused");
        assert!(error.to_string().contains("master key m2, which is missing"), "{error}");
    }

    async fn an_interrupted_rotation_goes_on_when_called_again(app: App) {
        let store = app.service.store();
        let (done, not_done) = (a_patient(store).await, a_patient(store).await);
        let place = Place::new("note", "draft_sealed", Uuid::nil());
        let (sealed, other) = (seal(store, done, place).await, seal(store, not_done, place).await);
        let path = key_file(&app);
        let source = MasterSource::File(path.clone());
        let old = std::fs::read_to_string(&path).unwrap();
        let before: Option<(Vec<u8>,)> = store
            .read()
            .await
            .unwrap()
            .one(sql("select wrapped as a from patient_key where patient_id = $1"), args![not_done])
            .await
            .unwrap();
        liaison_store::keys::rotate_master(store, &source).await.unwrap();
        // As it stands after a crash between two batches: both keys in the file, one patient not wrapped anew.
        let new = std::fs::read_to_string(&path).unwrap();
        let line = new.lines().find(|line| line.starts_with("master m2")).unwrap();
        std::fs::write(&path, format!("{old}{line}\n")).unwrap();
        let mut tx = store.begin().await.unwrap();
        tx.execute(
            sql("update patient_key set wrapped = $2, master_id = 'm1' where patient_id = $1"),
            args![not_done, before.unwrap().0],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();

        let half = open(&app, true, source.clone(), 5).await.unwrap();
        assert_eq!(opens(&half, done, place, &sealed).await.unwrap(), SECRET);
        assert_eq!(opens(&half, not_done, place, &other).await.unwrap(), SECRET);
        liaison_store::keys::rotate_master(&half, &source).await.unwrap();
        let left = count(&half, "select count(*) as a from patient_key where master_id in ('m1', 'm2')").await;
        assert_eq!(left, 0);
        half.close().await;
        let whole = open(&app, true, source, 6).await.unwrap();
        assert_eq!(opens(&whole, done, place, &sealed).await.unwrap(), SECRET);
        assert_eq!(opens(&whole, not_done, place, &other).await.unwrap(), SECRET);
        whole.close().await;
        assert_eq!(std::fs::read_to_string(&path).unwrap().matches("\nmaster ").count(), 1, "the old ones are gone");
    }

    async fn processes_that_start_at_once_make_the_service_keys_once(app: App) {
        past_the_store(&app, "delete from service_key").await.unwrap();
        let path = key_file(&app);
        std::fs::remove_file(&path).unwrap();
        let openers = (0..6).map(|seed| open(&app, true, MasterSource::File(path.clone()), 100 + seed));
        let opened: Vec<_> = futures::future::join_all(openers).await;
        let mut digests = std::collections::BTreeSet::new();
        for store in opened {
            let store = store.unwrap();
            digests.insert(store.keyring().unwrap().index().digest("test", b"value"));
            store.close().await;
        }
        assert_eq!(digests.len(), 1);
        assert_eq!(count(app.service.store(), "select count(*) as a from service_key").await, 3);
    }
}

#[test]
fn threads_that_make_the_key_file_at_once_end_with_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("master.key");
    let keys: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..8)
            .map(|seed| {
                let source = MasterSource::File(path.clone());
                scope.spawn(move || {
                    let keys = source.load_or_create(&SeededRandom::new(seed)).unwrap();
                    keys.current().unwrap().key.to_vec()
                })
            })
            .collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
}

#[test]
fn a_malformed_key_text_names_its_line_and_never_the_key() {
    for (text, expected) in [
        ("", "no master key"),
        ("# only a remark\n", "no master key"),
        ("master m1", "line 1: not a key line"),
        ("\nmaster m1 AAAA\n", "line 2: a key has 32 bytes"),
        ("master m1 ****", "line 1: not base64"),
        ("key m1 AAAA", "line 1: not a key line"),
    ] {
        let error = MasterKeys::parse(text).err().expect(text).to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
        assert!(!error.contains("AAAA") && !error.contains("****"), "{error}");
    }
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let twice = format!("master m1 {key}\nmaster m1 {key}\n");
    assert!(
        MasterKeys::parse(&twice)
            .err()
            .expect("refused")
            .to_string()
            .contains("line 2: the id stands twice")
    );
}

both_engines! {
    async fn blind_indexes_find_names_and_numbers_without_showing_them(app: App) {
        let index = app.service.store().keyring().unwrap().index();
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(index.mrn(own, "MRN-00 417a"), index.mrn(own, "mrn00417A"));
        assert_ne!(index.mrn(own, "MRN-00417"), index.mrn(own, "MRN-00418"));
        assert_ne!(index.mrn(own, "MRN-00417"), index.mrn(other, "MRN-00417"), "clinics share no index");

        let kept = index.name_prefixes(own, "Synthia Testpatient-Rivera");
        let finds = |text: &str| {
            let tags = index.search(own, text);
            !tags.is_empty() && tags.iter().all(|tag| kept.contains(tag))
        };
        for text in ["syn", "SYNTHIA", "rivera synthia", "Testpat", "riv", "testpatient"] {
            assert!(finds(text), "{text}");
        }
        for text in ["s", "", "ynthia", "synthia riverb", "synthiaa", "testpatientx"] {
            assert!(!finds(text), "{text}");
        }
        assert!(index.search(other, "synthia").iter().all(|tag| !kept.contains(tag)));
        assert!(kept.iter().all(|tag| tag.len() == 16));
        let same = index.demographic(own, "Rivera Synthia Testpatient", "1961-04-09");
        assert_eq!(index.demographic(own, "Synthia Testpatient-Rivera", "1961-04-09"), same);
        assert_ne!(index.demographic(own, "Synthia Testpatient-Rivera", "1961-04-10"), same);
    }
}

both_engines! {
    async fn derived_secrets_are_the_same_each_time_and_differ_by_purpose_bytes_and_deployment(app: App) {
        let ring = app.service.store().keyring().unwrap();
        let one = ring.derive("welcome", b"abc").unwrap();
        assert_eq!(ring.derive("welcome", b"abc").unwrap(), one);
        assert_ne!(ring.derive("reset", b"abc").unwrap(), one);
        assert_ne!(ring.derive("welcome", b"abd").unwrap(), one);
        assert_ne!(ring.derive("welcom", b"e\0abc").unwrap(), ring.derive("welcome", b"abc").unwrap());
        assert_ne!(ring.index().digest("welcome", b"abc"), one.to_vec(), "another key than the index's");
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = MasterSource::File(folder.path().join("master.key"));
        past_the_store(&app, "delete from service_key").await.unwrap();
        let other = open(&app, true, elsewhere, 41).await.unwrap();
        assert_ne!(other.keyring().unwrap().derive("welcome", b"abc").unwrap(), one);
        other.close().await;
    }

    async fn keys_of_many_patients_come_by_one_statement(app: App) {
        let store = app.service.store();
        let mut patients = Vec::new();
        for _ in 0..20 {
            patients.push(a_patient(store).await);
        }
        let fresh = open(&app, true, MasterSource::File(key_file(&app)), 9).await.unwrap();
        let before = fresh.statements();
        let mut conn = fresh.read().await.unwrap();
        let keys = fresh.keyring().unwrap().patient_keys(&mut conn, &patients).await.unwrap();
        assert_eq!(keys.len(), 20);
        assert_eq!(fresh.statements() - before, 1);
        drop(conn);
        fresh.close().await;
    }
}
