#include "director/store/compiled_rows.hpp"
#include "director/store/rows.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view release_columns =
    "SELECT id, name, version, commit_hash, uncommitted_changes FROM releases ";
constexpr std::string_view job_columns = "SELECT j.id, j.name, j.version, j.fingerprint, j.blob, j.sha1, j.spec FROM jobs j ";
constexpr std::string_view package_columns =
    "SELECT p.id, p.name, p.version, p.fingerprint, p.blob, p.sha1, p.dependencies FROM packages p ";

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

std::vector<std::string> blobs(const sql::Result& result) {
  return rows::all(result, [](const sql::Row& row) { return row.text("blob"); });
}

// Other releases may share the blob that is being replaced: they have the same source. The blobs that
// may have become useless are appended to `candidates`.
void replace_source(sql::Session& session, std::int64_t id, const PackageRecord& package,
                    std::vector<std::string>& candidates) {
  const auto old = session.run("SELECT blob FROM packages WHERE id = :1", {id}).rows.at(0).text("blob");
  if (old == package.blob.value) return;
  const std::string sharing = "SELECT id FROM packages WHERE blob = :1 AND fingerprint = :2";
  for (auto& blob : blobs(session.run("SELECT blob FROM compiled_packages WHERE package_id IN (" + sharing + ")",
                                      {old, package.fingerprint})))
    candidates.push_back(std::move(blob));
  candidates.push_back(old);
  session.run("DELETE FROM compiled_packages WHERE package_id IN (" + sharing + ")", {old, package.fingerprint});
  session.run("UPDATE packages SET blob = :1, sha1 = :2 WHERE blob = :3 AND fingerprint = :4",
              {package.blob.value, package.sha1, old, package.fingerprint});
}

void replace_job(sql::Session& session, const std::string& release, const JobRecord& job,
                 std::vector<std::string>& candidates) {
  for (auto& blob : blobs(session.run(
           "SELECT blob FROM jobs WHERE release_name = :1 AND name = :2 AND fingerprint = :3",
           {release, job.name, job.fingerprint})))
    candidates.push_back(std::move(blob));
  session.run(
      "UPDATE jobs SET blob = :1, sha1 = :2, spec = :3 WHERE release_name = :4 AND name = :5 AND fingerprint = :6",
      {job.blob.value, job.sha1, rows::value(job.spec), release, job.name, job.fingerprint});
}

std::vector<BlobId> unneeded_of(sql::Session& session, const std::vector<std::string>& candidates) {
  std::vector<BlobId> unneeded;
  for (const auto& blob : candidates)
    if (!blob.empty() && !blob_in_use_by_any(session, blob)) unneeded.push_back(BlobId{blob});
  return unneeded;
}

constexpr std::string_view select_users =
    "SELECT d.name FROM deployment_releases u JOIN deployments d ON d.id = u.deployment_id "
    "WHERE u.release_id = :1 ORDER BY d.name";

void refuse_while_in_use(sql::Session& session, std::int64_t release_id) {
  std::string list;
  for (const auto& row : session.run(select_users, {release_id}).rows)
    list += (list.empty() ? "" : ", ") + row.text("name");
  if (!list.empty()) throw Error(Fault::conflict, "release is still in use by: " + list, 30007);
}

}  // namespace

std::int64_t Releases::insert(const ReleaseRecord& release, Timestamp now, const CompiledByName& compiled) {
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
    for (const auto& package : release.packages) {
      const auto row = package_row(session, release.name, package);
      session.run("INSERT INTO release_packages (release_id, package_id) VALUES (:1, :2)", {id, row});
      if (const auto found = compiled.find(package.name); found != compiled.end())
        insert_compiled_row(session, row, found->second);
    }
  });
  return id;
}

std::vector<BlobId> Releases::replace_blobs(const ReleaseRecord& release, const CompiledByName& compiled) {
  std::vector<BlobId> unneeded;
  db_.transaction([&](sql::Session& session) {
    std::vector<std::string> candidates;
    for (const auto& job : release.jobs) replace_job(session, release.name, job, candidates);
    for (const auto& package : release.packages) {
      // Known from a compiled release so far, it gains its source here and what was compiled stays good.
      const auto id = package_row(session, release.name, package);
      if (!package.blob.empty()) replace_source(session, id, package, candidates);
      if (const auto found = compiled.find(package.name); found != compiled.end())
        candidates.push_back(replace_compiled_row(session, id, found->second).value);
    }
    unneeded = unneeded_of(session, candidates);
  });
  return unneeded;
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
    unneeded = unneeded_of(session, candidates);
  });
  return unneeded;
}

std::vector<std::string> Releases::deployments_using(std::int64_t release_id) {
  return rows::all(db_.run(select_users, {release_id}), [](const sql::Row& row) { return row.text("name"); });
}

bool Releases::blob_in_use(const BlobId& blob) {
  bool used = false;
  db_.transaction([&](sql::Session& session) { used = blob_in_use_by_any(session, blob.value); });
  return used;
}

std::map<std::int64_t, std::vector<std::string>> Releases::job_names() {
  std::map<std::int64_t, std::vector<std::string>> names;
  for (const auto& row : db_.run("SELECT r.release_id, j.name FROM release_jobs r JOIN jobs j ON j.id = r.job_id "
                                 "ORDER BY r.release_id, j.name")
                             .rows)
    names[row.integer("release_id")].push_back(row.text("name"));
  return names;
}

}  // namespace slipway::director
