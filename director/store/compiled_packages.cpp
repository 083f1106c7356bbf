#include "director/store/compiled_rows.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns =
    "SELECT c.id, c.package_id, c.stemcell_os, c.stemcell_version, c.dependency_key, c.build, c.blob, c.sha1 "
    "FROM compiled_packages c ";

CompiledPackageRecord read(const sql::Row& row) {
  return {row.integer("id"),
          row.integer("package_id"),
          row.text("stemcell_os"),
          row.text("stemcell_version"),
          row.text("dependency_key"),
          static_cast<int>(row.integer("build")),
          BlobId{row.text("blob")},
          row.text("sha1")};
}

std::optional<CompiledPackageRecord> find_row(sql::Session& session, std::int64_t package_id, const std::string& os,
                                          const std::string& version, const std::string& dependency_key) {
  return rows::first(session.run(std::string(columns) +
                                     "WHERE c.package_id = :1 AND c.stemcell_os = :2 AND c.stemcell_version = :3 AND "
                                     "c.dependency_key = :4",
                                 {package_id, os, version, dependency_key}),
                     read);
}

}  // namespace

CompiledPackageRecord insert_compiled_row(sql::Session& session, std::int64_t package_id,
                                          CompiledPackageRecord compiled) {
  session.run(
      "INSERT INTO compiled_packages (package_id, stemcell_os, stemcell_version, dependency_key, build, blob, sha1) "
      "SELECT :1, :2, :3, :4, COALESCE(MAX(build), 0) + 1, :5, :6 FROM compiled_packages WHERE package_id = :1 AND "
      "stemcell_os = :2 AND stemcell_version = :3 "
      "ON CONFLICT (package_id, stemcell_os, stemcell_version, dependency_key) DO NOTHING",
      {package_id, compiled.stemcell_os, compiled.stemcell_version, compiled.dependency_key, compiled.blob.value,
       compiled.sha1});
  return find_row(session, package_id, compiled.stemcell_os, compiled.stemcell_version, compiled.dependency_key).value();
}

BlobId replace_compiled_row(sql::Session& session, std::int64_t package_id, const CompiledPackageRecord& compiled) {
  const auto row = insert_compiled_row(session, package_id, compiled);
  session.run("UPDATE compiled_packages SET blob = :1, sha1 = :2 WHERE id = :3",
              {compiled.blob.value, compiled.sha1, row.id});
  return row.blob;
}

bool blob_in_use_by_any(sql::Session& session, const std::string& blob) {
  return rows::exists(session,
                      "SELECT 1 AS one FROM jobs WHERE blob = :1 UNION ALL SELECT 1 AS one FROM packages WHERE blob = "
                      ":1 UNION ALL SELECT 1 AS one FROM compiled_packages WHERE blob = :1 LIMIT 1",
                      {blob});
}

std::optional<CompiledPackageRecord> Releases::find_compiled(std::int64_t package_id, const std::string& stemcell_os,
                                                             const std::string& stemcell_version,
                                                             const std::string& dependency_key) {
  std::optional<CompiledPackageRecord> found;
  db_.transaction([&](sql::Session& session) {
    found = find_row(session, package_id, stemcell_os, stemcell_version, dependency_key);
  });
  return found;
}

std::optional<CompiledPackageRecord> Releases::find_compiled_anywhere(const std::string& name,
                                                                      const std::string& fingerprint,
                                                                      const CompiledPackageRecord& like) {
  return rows::first(
      db_.run(std::string(columns) +
                  "JOIN packages p ON p.id = c.package_id WHERE p.name = :1 AND p.fingerprint = :2 AND "
                  "c.stemcell_os = :3 AND c.stemcell_version = :4 AND c.dependency_key = :5 ORDER BY c.id LIMIT 1",
              {name, fingerprint, like.stemcell_os, like.stemcell_version, like.dependency_key}),
      read);
}

CompiledPackageRecord Releases::insert_compiled(CompiledPackageRecord compiled) {
  CompiledPackageRecord stored;
  db_.transaction(
      [&](sql::Session& session) { stored = insert_compiled_row(session, compiled.package_id, compiled); });
  return stored;
}

std::vector<CompiledPackageRecord> Releases::compiled_of(std::int64_t package_id) {
  return rows::all(db_.run(std::string(columns) + "WHERE c.package_id = :1 ORDER BY c.id", {package_id}), read);
}

std::vector<NamedCompiledPackage> Releases::all_compiled() {
  return rows::all(
      db_.run("SELECT p.name, c.id, c.package_id, c.stemcell_os, c.stemcell_version, c.dependency_key, c.build, c.blob, "
              "c.sha1 FROM compiled_packages c JOIN packages p ON p.id = c.package_id ORDER BY p.name, c.id"),
      [](const sql::Row& row) { return NamedCompiledPackage{row.text("name"), read(row)}; });
}

std::optional<BlobId> Releases::remove_compiled(std::int64_t id) {
  std::optional<BlobId> unneeded;
  db_.transaction([&](sql::Session& session) {
    unneeded.reset();
    const auto row = session.run("SELECT blob FROM compiled_packages WHERE id = :1", {id});
    if (row.rows.empty()) return;
    const auto blob = row.rows.front().text("blob");
    session.run("DELETE FROM compiled_packages WHERE id = :1", {id});
    if (!blob_in_use_by_any(session, blob)) unneeded = BlobId{blob};
  });
  return unneeded;
}

}  // namespace slipway::director
