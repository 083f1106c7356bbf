-- An instance may have several disks, told apart by the names its manifest gives them. Empty: the one its agent mounts.
ALTER TABLE disks ADD COLUMN name TEXT NOT NULL DEFAULT '';
