-- Release tarballs that were made for a download: clean-up takes them away.
CREATE TABLE exported_releases (
  blob TEXT PRIMARY KEY,
  release_name TEXT NOT NULL,
  release_version TEXT NOT NULL,
  stemcell_os TEXT NOT NULL,
  stemcell_version TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

-- Which CPIs a stemcell was offered to. One that cannot take its format is asked no second time.
CREATE TABLE stemcell_uploads (
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  cpi TEXT NOT NULL,
  PRIMARY KEY (name, version, cpi)
);
INSERT INTO stemcell_uploads (name, version, cpi) SELECT name, version, cpi FROM stemcells;
