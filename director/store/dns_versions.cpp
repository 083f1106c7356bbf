#include "director/store/dns_versions.hpp"

#include "director/store/rows.hpp"

namespace slipway::director {

DnsVersions::Published DnsVersions::publish(const std::string& content_key, Timestamp now) {
  Published published;
  db_.transaction([&](sql::Session& session) {
    const auto latest = session.run("SELECT id, content_key, blob_id FROM dns_versions ORDER BY id DESC LIMIT 1");
    if (!latest.rows.empty() && latest.rows[0].text("content_key") == content_key) {
      published = {latest.rows[0].integer("id"), false, BlobId{latest.rows[0].text("blob_id")}};
      return;
    }
    const std::int64_t next = latest.rows.empty() ? 1 : latest.rows[0].integer("id") + 1;
    session.run("INSERT INTO dns_versions (id, content_key, created_at) VALUES (:1, :2, :3)",
                {next, content_key, rows::value(now)});
    published = {next, true, {}};
  });
  return published;
}

BlobId DnsVersions::blob_of(std::int64_t version, const std::string& content_key) {
  return BlobId{"dns-" + std::to_string(version) + "-" + content_key};
}

std::vector<BlobId> DnsVersions::blobs_before(std::int64_t version) {
  return rows::all(db_.run("SELECT id, content_key, blob_id FROM dns_versions WHERE id < :1 ORDER BY id", {version}),
                   [](const sql::Row& row) {
                     const BlobId sent{row.text("blob_id")};
                     return sent.empty() ? blob_of(row.integer("id"), row.text("content_key")) : sent;
                   });
}

void DnsVersions::set_sent(std::int64_t version, const BlobId& blob) {
  db_.transaction([&](sql::Session& session) {
    session.run("UPDATE dns_versions SET blob_id = :1 WHERE id = :2", {blob.value, version});
    session.run("DELETE FROM dns_versions WHERE id < :1", {version});
  });
}

std::vector<BlobId> DnsVersions::blobs() {
  return rows::all(db_.run("SELECT blob_id FROM dns_versions WHERE blob_id <> '' ORDER BY id"),
                   [](const sql::Row& row) { return BlobId{row.text("blob_id")}; });
}

void DnsVersions::forget_blob(const BlobId& blob) {
  db_.run("UPDATE dns_versions SET blob_id = '' WHERE blob_id = :1", {blob.value});
}

}  // namespace slipway::director
