-- Since when the task has held the lock; renewing does not change it.
ALTER TABLE locks ADD COLUMN acquired_at INTEGER NOT NULL DEFAULT 0;
