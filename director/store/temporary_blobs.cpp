#include "director/store/temporary_blobs.hpp"

#include "director/store/rows.hpp"

namespace slipway::director {

void TemporaryBlobs::add(const BlobId& blob, const std::string& deployment, Timestamp expires_at) {
  db_.run(
      "INSERT INTO temporary_blobs (blob, deployment, expires_at) VALUES (:1, :2, :3) "
      "ON CONFLICT (blob) DO UPDATE SET expires_at = :3",
      {blob.value, deployment, rows::value(expires_at)});
}

std::optional<std::string> TemporaryBlobs::deployment_of(const BlobId& blob) {
  return rows::first(db_.run("SELECT deployment FROM temporary_blobs WHERE blob = :1", {blob.value}),
                     [](const sql::Row& row) { return row.text("deployment"); });
}

std::vector<BlobId> TemporaryBlobs::expired(Timestamp now) {
  return rows::all(db_.run("SELECT blob FROM temporary_blobs WHERE expires_at <= :1 ORDER BY blob", {rows::value(now)}),
                   [](const sql::Row& row) { return BlobId{row.text("blob")}; });
}

void TemporaryBlobs::remove(const BlobId& blob) {
  db_.run("DELETE FROM temporary_blobs WHERE blob = :1", {blob.value});
}

}  // namespace slipway::director
