#include "director/store/rows.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view release_columns =
    "SELECT id, name, version, commit_hash, uncommitted_changes FROM releases ";
constexpr std::string_view job_columns = "SELECT j.id, j.name, j.version, j.fingerprint, j.blob, j.sha1, j.spec FROM jobs j ";
constexpr std::string_view package_columns =
    "SELECT p.id, p.name, p.version, p.fingerprint, p.blob, p.sha1, p.dependencies FROM packages p ";
constexpr std::string_view compiled_columns =
    "SELECT id, package_id, stemcell_os, stemcell_version, dependency_key, build, blob, sha1 FROM compiled_packages ";

ReleaseRecord read_release(const sql::Row& row) {
  ReleaseRecord release;
  release.id = row.integer("id");
  release.name = row.text("name");
  release.version = row.text("version");
  release.commit_hash = row.text("commit_hash");
  release.uncommitted_changes = row.boolean("uncommitted_changes");
  return release;
}

JobRecord read_job(const sql::Row& row) {
  return {row.text("name"),         row.text("version"), row.text("fingerprint"),
          BlobId{row.text("blob")}, row.text("sha1"),    rows::json(row, "spec")};
}

PackageRecord read_package(const sql::Row& row) {
  return {row.integer("id"),
          row.text("name"),
          row.text("version"),
          row.text("fingerprint"),
          BlobId{row.text("blob")},
          row.text("sha1"),
          rows::json(row, "dependencies").get<std::vector<std::string>>()};
}

CompiledPackageRecord read_compiled(const sql::Row& row) {
  return {row.integer("id"),
          row.integer("package_id"),
          row.text("stemcell_os"),
          row.text("stemcell_version"),
          row.text("dependency_key"),
          static_cast<int>(row.integer("build")),
          BlobId{row.text("blob")},
          row.text("sha1")};
}

void read_parts(sql::Session& session, ReleaseRecord& release) {
  release.jobs = rows::all(session.run(std::string(job_columns) + "JOIN release_jobs r ON r.job_id = j.id "
                                                                  "WHERE r.release_id = :1 ORDER BY j.name",
                                       {release.id}),
                           read_job);
  release.packages = rows::all(session.run(std::string(package_columns) +
                                               "JOIN release_packages r ON r.package_id = p.id "
                                               "WHERE r.release_id = :1 ORDER BY p.name",
                                           {release.id}),
                               read_package);
}

std::int64_t job_row(sql::Session& session, const std::string& release, const JobRecord& job) {
  session.run(
      "INSERT INTO jobs (release_name, name, version, fingerprint, blob, sha1, spec) VALUES (:1, :2, :3, :4, :5, :6, "
      ":7) ON CONFLICT (release_name, name, fingerprint) DO NOTHING",
      {release, job.name, job.version, job.fingerprint, job.blob.value, job.sha1, rows::value(job.spec)});
  return session
      .run("SELECT id FROM jobs WHERE release_name = :1 AND name = :2 AND fingerprint = :3",
           {release, job.name, job.fingerprint})
      .rows.at(0)
      .integer("id");
}

std::int64_t package_row(sql::Session& session, const std::string& release, const PackageRecord& package) {
  session.run(
      "INSERT INTO packages (release_name, name, version, fingerprint, blob, sha1, dependencies) VALUES (:1, :2, :3, "
      ":4, :5, :6, :7) ON CONFLICT (release_name, name, fingerprint) DO NOTHING",
      {release, package.name, package.version, package.fingerprint, package.blob.value, package.sha1,
       rows::value(Json(package.dependencies))});
  // A package known from a compiled release so far gains its source.
  if (!package.blob.empty())
    session.run(
        "UPDATE packages SET blob = :1, sha1 = :2 WHERE release_name = :3 AND name = :4 AND fingerprint = :5 AND "
        "blob = ''",
        {package.blob.value, package.sha1, release, package.name, package.fingerprint});
  return session
      .run("SELECT id FROM packages WHERE release_name = :1 AND name = :2 AND fingerprint = :3",
           {release, package.name, package.fingerprint})
      .rows.at(0)
      .integer("id");
}

bool in_use(sql::Session& session, const std::string& blob) {
  return rows::exists(session,
                      "SELECT 1 AS one FROM jobs WHERE blob = :1 UNION ALL SELECT 1 AS one FROM packages WHERE blob = "
                      ":1 UNION ALL SELECT 1 AS one FROM compiled_packages WHERE blob = :1 LIMIT 1",
                      {blob});
}

std::vector<std::string> blobs(const sql::Result& result) {
  return rows::all(result, [](const sql::Row& row) { return row.text("blob"); });
}

void refuse_while_in_use(sql::Session& session, std::int64_t release_id) {
  const auto result = session.run(
      "SELECT d.name FROM deployment_releases u JOIN deployments d ON d.id = u.deployment_id "
      "WHERE u.release_id = :1 ORDER BY d.name",
      {release_id});
  std::string list;
  for (const auto& row : result.rows) list += (list.empty() ? "" : ", ") + row.text("name");
  if (!list.empty()) throw Error(Fault::conflict, "release is still in use by: " + list, 30007);
}

}  // namespace

std::int64_t Releases::insert(const ReleaseRecord& release, Timestamp now) {
  std::int64_t id = 0;
  db_.transaction([&](sql::Session& session) {
    id = session.insert(
        "INSERT INTO releases (name, version, commit_hash, uncommitted_changes, created_at) VALUES (:1, :2, :3, :4, "
        ":5)",
        {release.name, release.version, release.commit_hash, rows::value(release.uncommitted_changes),
         rows::value(now)});
    for (const auto& job : release.jobs)
      session.run("INSERT INTO release_jobs (release_id, job_id) VALUES (:1, :2)",
                  {id, job_row(session, release.name, job)});
    for (const auto& package : release.packages)
      session.run("INSERT INTO release_packages (release_id, package_id) VALUES (:1, :2)",
                  {id, package_row(session, release.name, package)});
  });
  return id;
}

void Releases::replace_blobs(const ReleaseRecord& release) {
  db_.transaction([&](sql::Session& session) {
    for (const auto& job : release.jobs)
      session.run(
          "UPDATE jobs SET blob = :1, sha1 = :2, spec = :3 WHERE release_name = :4 AND name = :5 AND fingerprint = :6",
          {job.blob.value, job.sha1, rows::value(job.spec), release.name, job.name, job.fingerprint});
    for (const auto& package : release.packages) {
      const auto id = package_row(session, release.name, package);
      session.run("UPDATE packages SET blob = :1, sha1 = :2 WHERE id = :3", {package.blob.value, package.sha1, id});
      session.run("DELETE FROM compiled_packages WHERE package_id = :1", {id});
    }
  });
}

std::optional<ReleaseRecord> Releases::find(const std::string& name, const std::string& version) {
  std::optional<ReleaseRecord> found;
  db_.transaction([&](sql::Session& session) {
    found = rows::first(
        session.run(std::string(release_columns) + "WHERE name = :1 AND version = :2", {name, version}), read_release);
    if (found) read_parts(session, *found);
  });
  return found;
}

std::optional<ReleaseRecord> Releases::find(std::int64_t id) {
  std::optional<ReleaseRecord> found;
  db_.transaction([&](sql::Session& session) {
    found = rows::first(session.run(std::string(release_columns) + "WHERE id = :1", {id}), read_release);
    if (found) read_parts(session, *found);
  });
  return found;
}

std::vector<ReleaseRecord> Releases::all() {
  std::vector<ReleaseRecord> releases;
  db_.transaction([&](sql::Session& session) {
    releases = rows::all(session.run(std::string(release_columns) + "ORDER BY name, id"), read_release);
    for (auto& release : releases) read_parts(session, release);
  });
  return releases;
}

std::vector<ReleaseRecord> Releases::versions() {
  return rows::all(db_.run(std::string(release_columns) + "ORDER BY name, id"), read_release);
}

std::vector<PackageRecord> Releases::packages_with_fingerprints(const std::vector<std::string>& fingerprints) {
  std::vector<PackageRecord> packages;
  // In portions: databases bound the number of parameters of a statement.
  constexpr std::size_t portion = 500;
  for (std::size_t begin = 0; begin < fingerprints.size(); begin += portion) {
    std::string list;
    std::vector<sql::Value> values;
    for (std::size_t i = begin; i < std::min(begin + portion, fingerprints.size()); ++i) {
      values.emplace_back(fingerprints[i]);
      list += (list.empty() ? ":" : ", :") + std::to_string(values.size());
    }
    auto found = rows::all(
        db_.run(std::string(package_columns) + "WHERE p.fingerprint IN (" + list + ") ORDER BY p.id", values),
        read_package);
    packages.insert(packages.end(), found.begin(), found.end());
  }
  return packages;
}

std::optional<JobRecord> Releases::find_job(const std::string& release, const std::string& name,
                                            const std::string& fingerprint) {
  return rows::first(db_.run(std::string(job_columns) +
                                 "WHERE j.release_name = :1 AND j.name = :2 AND j.fingerprint = :3",
                             {release, name, fingerprint}),
                     read_job);
}

std::optional<PackageRecord> Releases::find_package(const std::string& release, const std::string& name,
                                                    const std::string& fingerprint) {
  return rows::first(db_.run(std::string(package_columns) +
                                 "WHERE p.release_name = :1 AND p.name = :2 AND p.fingerprint = :3",
                             {release, name, fingerprint}),
                     read_package);
}

std::vector<BlobId> Releases::remove(std::int64_t release_id) {
  std::vector<BlobId> unneeded;
  db_.transaction([&](sql::Session& session) {
    unneeded.clear();
    refuse_while_in_use(session, release_id);
    const auto found = session.run("SELECT name FROM releases WHERE id = :1", {release_id});
    if (found.rows.empty()) return;
    const auto name = found.rows.front().text("name");
    session.run("DELETE FROM releases WHERE id = :1", {release_id});

    const std::string lonely_jobs =
        "FROM jobs WHERE release_name = :1 AND id NOT IN (SELECT job_id FROM release_jobs)";
    const std::string lonely_packages =
        "FROM packages WHERE release_name = :1 AND id NOT IN (SELECT package_id FROM release_packages)";
    auto candidates = blobs(session.run("SELECT blob " + lonely_jobs, {name}));
    for (const auto& query : {"SELECT blob " + lonely_packages,
                              "SELECT blob FROM compiled_packages WHERE package_id IN (SELECT id " + lonely_packages +
                                  ")"})
      for (auto& blob : blobs(session.run(query, {name}))) candidates.push_back(std::move(blob));
    session.run("DELETE " + lonely_jobs, {name});
    session.run("DELETE " + lonely_packages, {name});
    for (const auto& blob : candidates)
      if (!blob.empty() && !in_use(session, blob)) unneeded.push_back(BlobId{blob});
  });
  return unneeded;
}

bool Releases::blob_in_use(const BlobId& blob) {
  bool used = false;
  db_.transaction([&](sql::Session& session) { used = in_use(session, blob.value); });
  return used;
}

std::optional<CompiledPackageRecord> Releases::find_compiled(std::int64_t package_id, const std::string& stemcell_os,
                                                             const std::string& stemcell_version,
                                                             const std::string& dependency_key) {
  return rows::first(db_.run(std::string(compiled_columns) +
                                 "WHERE package_id = :1 AND stemcell_os = :2 AND stemcell_version = :3 AND "
                                 "dependency_key = :4",
                             {package_id, stemcell_os, stemcell_version, dependency_key}),
                     read_compiled);
}

CompiledPackageRecord Releases::insert_compiled(CompiledPackageRecord compiled) {
  db_.transaction([&](sql::Session& session) {
    session.run(
        "INSERT INTO compiled_packages (package_id, stemcell_os, stemcell_version, dependency_key, build, blob, sha1) "
        "SELECT :1, :2, :3, :4, COALESCE(MAX(build), 0) + 1, :5, :6 FROM compiled_packages WHERE package_id = :1 AND "
        "stemcell_os = :2 AND stemcell_version = :3 "
        "ON CONFLICT (package_id, stemcell_os, stemcell_version, dependency_key) DO NOTHING",
        {compiled.package_id, compiled.stemcell_os, compiled.stemcell_version, compiled.dependency_key,
         compiled.blob.value, compiled.sha1});
    compiled = read_compiled(session
                                 .run(std::string(compiled_columns) +
                                          "WHERE package_id = :1 AND stemcell_os = :2 AND stemcell_version = :3 AND "
                                          "dependency_key = :4",
                                      {compiled.package_id, compiled.stemcell_os, compiled.stemcell_version,
                                       compiled.dependency_key})
                                 .rows.at(0));
  });
  return compiled;
}

std::vector<CompiledPackageRecord> Releases::compiled_of(std::int64_t package_id) {
  return rows::all(db_.run(std::string(compiled_columns) + "WHERE package_id = :1 ORDER BY id", {package_id}),
                   read_compiled);
}

}  // namespace slipway::director
