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

void TemporaryBlobs::add_bundle(const BlobId& blob, const std::string& deployment, const std::string& instance,
                                Timestamp now, Timestamp expires_at) {
  db_.run(
      "INSERT INTO temporary_blobs (blob, deployment, instance, created_at, expires_at) VALUES (:1, :2, :3, :4, :5) "
      "ON CONFLICT (blob) DO NOTHING",
      {blob.value, deployment, instance, rows::value(now), rows::value(expires_at)});
}

std::vector<BlobId> TemporaryBlobs::bundles_of(const std::string& deployment) {
  return rows::all(db_.run("SELECT blob FROM temporary_blobs WHERE deployment = :1 AND instance <> '' "
                           "ORDER BY created_at DESC, blob",
                           {deployment}),
                   [](const sql::Row& row) { return BlobId{row.text("blob")}; });
}

}  // namespace slipway::director
