// Editor of notes: rows, pasting from a spreadsheet, autosave.
