#include "director/store/exported_releases.hpp"

#include "director/store/rows.hpp"

namespace slipway::director {

void ExportedReleases::insert(const ExportedReleaseRecord& exported, Timestamp now) {
  db_.run(
      "INSERT INTO exported_releases (blob, release_name, release_version, stemcell_os, stemcell_version, created_at) "
      "VALUES (:1, :2, :3, :4, :5, :6) ON CONFLICT (blob) DO NOTHING",
      {exported.blob.value, exported.release, exported.version, exported.stemcell_os, exported.stemcell_version,
       rows::value(now)});
}

void ExportedReleases::remove(const BlobId& blob) {
  db_.run("DELETE FROM exported_releases WHERE blob = :1", {blob.value});
}

bool ExportedReleases::holds(const BlobId& blob) {
  return !db_.run("SELECT blob FROM exported_releases WHERE blob = :1", {blob.value}).rows.empty();
}

std::vector<ExportedReleaseRecord> ExportedReleases::all() {
  return rows::all(db_.run("SELECT blob, release_name, release_version, stemcell_os, stemcell_version "
                           "FROM exported_releases ORDER BY created_at, blob"),
                   [](const sql::Row& row) {
                     return ExportedReleaseRecord{BlobId{row.text("blob")}, row.text("release_name"),
                                                  row.text("release_version"), row.text("stemcell_os"),
                                                  row.text("stemcell_version")};
                   });
}

}  // namespace slipway::director
