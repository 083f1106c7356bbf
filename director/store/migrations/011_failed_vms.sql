-- A VM that failed may be kept for a while, powered off, before it is deleted like other orphans.
ALTER TABLE orphaned_vms ADD COLUMN kept_until INTEGER;

-- Bundles of what was learnt of a failed VM before it was replaced. Empty and 0 for other blobs.
ALTER TABLE temporary_blobs ADD COLUMN instance TEXT NOT NULL DEFAULT '';
ALTER TABLE temporary_blobs ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
