#include "pks-api/audit/audit_log.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/parallel.hpp"
#include "base/random.hpp"
#include "pks-api/store/store.hpp"

namespace slipway::pks::audit_log_test {

namespace {

struct Fixture {
  TempDir folder;
  ManualClock clock;
  sql::Database database{"sqlite://" + (folder.path() / "pks.db").string()};
  std::filesystem::path file = folder.path() / "state/audit.log";
  Fixture() { database.migrate(migrations()); }
  void write(int count, bool durable = true) {
    AuditLog log(file, database, clock);
    for (int i = 0; i < count; ++i) {
      clock.advance(std::chrono::seconds(1));
      log.append({"alana", "10.0.0." + std::to_string(i), "GET /v1/clusters", "/v1/clusters", "done", 200},
                 durable);
    }
  }
  AuditLog::Verdict verdict() { return AuditLog::verify(file, database); }
};

// From four threads at once.
void append_a_hundred(AuditLog& one, AuditLog& other) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i)
        (t % 2 == 0 ? one : other).append({"u", "", "GET /x", "", "done", 200}, i % 5 == 0);
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("what was done is a chain of lines that holds, over restarts as well") {
  Fixture f;
  CHECK(f.verdict().problem == "");
  f.write(3);
  f.write(2);
  const auto verdict = f.verdict();
  CHECK(verdict.problem == "");
  CHECK(verdict.entries == 5);
  CHECK(verdict.first_at < verdict.last_at);
  namespace fs = std::filesystem;
  CHECK((fs::status(f.file).permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
  const auto text = read_file(f.file);
  const auto line = parse_json(text.substr(0, text.find('\n')), "line");
  CHECK(line.at("who") == "alana");
  CHECK(line.at("from") == "10.0.0.0");
  CHECK(line.at("status") == 200);
}

TEST_CASE("any byte that is changed is found, and the line is named") {
  Fixture f;
  f.write(4);
  const auto text = read_file(f.file);
  SystemRandom random;
  for (int i = 0; i < 200; ++i) {
    auto changed = text;
    const auto place = random.below(changed.size());
    changed[place] = static_cast<char>(changed[place] ^ static_cast<char>(1 + random.below(255)));
    write_file_atomically(f.file, changed);
    INFO("byte ", place);
    CHECK(f.verdict().problem != "");
  }
  auto forged = text;
  forged.replace(forged.find("alana"), 5, "naomi");
  write_file_atomically(f.file, forged);
  CHECK(f.verdict().problem == "line 1 is not as it was written");
}

TEST_CASE("lines that are taken out, swapped, added or cut off are found") {
  Fixture f;
  f.write(4);
  const auto text = read_file(f.file);
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin) + 1;
    lines.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  const auto problem_with = [&](const std::vector<std::string>& kept) {
    std::string whole;
    for (const auto& line : kept) whole += line;
    write_file_atomically(f.file, whole);
    return f.verdict().problem;
  };
  CHECK(problem_with(lines) == "");
  CHECK(problem_with({lines[0], lines[2], lines[3]}) != "");
  CHECK(problem_with({lines[1], lines[2], lines[3]}) != "");
  CHECK(problem_with({lines[0], lines[2], lines[1], lines[3]}) != "");
  CHECK(problem_with({lines[0], lines[0], lines[1], lines[2], lines[3]}) != "");
  CHECK(problem_with({lines[0], lines[1], lines[2]}) == "line 4, which the store knows of, is missing");
  CHECK(problem_with({}) == "line 4, which the store knows of, is missing");
  std::filesystem::remove(f.file);
  CHECK(f.verdict().problem != "");
}

TEST_CASE("a line torn by a crash is taken off and that is noted, and an end that is none is refused") {
  Fixture f;
  f.write(2);
  const auto whole = read_file(f.file);
  write_file_atomically(f.file, whole + "{\"at\":\"2020");
  f.write(1);
  CHECK(f.verdict().problem == "");
  CHECK(f.verdict().entries == 4);
  CHECK(read_file(f.file).find("torn line taken off") != std::string::npos);
  write_file_atomically(f.file, whole + "rubbish\n");
  CHECK_THROWS_AS(AuditLog(f.file, f.database, f.clock), Error);
}

TEST_CASE("several writers at once, in this process and others, make one chain") {
  Fixture f;
  AuditLog one(f.file, f.database, f.clock), other(f.file, f.database, f.clock);
  append_a_hundred(one, other);
  CHECK(f.verdict().problem == "");
  CHECK(f.verdict().entries == 100);
}

TEST_CASE("a log that has become large goes on in another file, and the chain with it") {
  Fixture f;
  const auto entry = AuditEntry{"alana", "10.0.0.1", "GET /v1/clusters", "/v1/clusters", "done", 200};
  {
    AuditLog one(f.file, f.database, f.clock, 2000), other(f.file, f.database, f.clock, 2000);
    for (int i = 0; i < 40; ++i) (i % 3 == 0 ? other : one).append(entry, true);
  }
  std::vector<std::filesystem::path> files;
  for (const auto& one : std::filesystem::directory_iterator(f.file.parent_path())) files.push_back(one.path());
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() > 3);
  CHECK(f.verdict().problem == "");
  CHECK(f.verdict().entries == 40);
  for (const auto& one : files) CHECK(std::filesystem::file_size(one) < 2500);

  SUBCASE("a process that died between two files is followed by one that goes on") {
    std::filesystem::rename(f.file, f.file.string() + ".000000000040");
    CHECK(f.verdict().problem == "");
    AuditLog(f.file, f.database, f.clock, 2000).append(entry, true);
    CHECK(f.verdict().problem == "");
    CHECK(f.verdict().entries == 41);
  }
  SUBCASE("a file that is missing or changed is found") {
    const auto text = read_file(files[2]);  // files[0] is the newest
    std::filesystem::remove(files[2]);
    CHECK(f.verdict().problem != "");
    auto changed = text;
    changed[changed.find("alana")] = 'A';
    write_file_atomically(files[2], changed);
    CHECK(f.verdict().problem != "");
    write_file_atomically(files[2], text);
    CHECK(f.verdict().problem == "");
  }
  SUBCASE("files that were put elsewhere are left out only when somebody says so") {
    const auto last = std::stoull(files[1].extension().string().substr(1));
    std::filesystem::remove(files[1]);
    CHECK(f.verdict().problem != "");
    const auto rest = AuditLog::verify(f.file, f.database, last + 1);
    CHECK(rest.problem == "");
    CHECK(rest.entries == 40 - last);
    CHECK(AuditLog::verify(f.file, f.database, last + 2).problem != "");
  }
  SUBCASE("all of them gone is found") {
    for (const auto& one : files) std::filesystem::remove(one);
    CHECK(f.verdict().problem != "");
  }
}

TEST_CASE("several writers begin new files at the same time, and none of their lines is lost") {
  Fixture f;
  AuditLog one(f.file, f.database, f.clock, 1500), other(f.file, f.database, f.clock, 1500);
  append_a_hundred(one, other);
  CHECK(f.verdict().problem == "");
  CHECK(f.verdict().entries == 100);
}

TEST_CASE("hostile text stays in its line") {
  Fixture f;
  {
    AuditLog log(f.file, f.database, f.clock);
    log.append(
        {"a\nb", std::string("\xff\xfe\0", 3), "GET /" + std::string(9000, 'x'), "\"}\n{", "refused", 401},
        true);
    log.append({}, false);
  }
  CHECK(f.verdict().problem == "");
  CHECK(f.verdict().entries == 2);
  const auto text = read_file(f.file);
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
}

}  // namespace slipway::pks::audit_log_test
