#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/sql/database.hpp"

namespace slipway::pks {

// Who did what, from where, with which outcome. No bodies, no queries: no secret gets in.
struct AuditEntry {
  std::string who;      // user, "client:NAME", "local:UID" for the program's own commands, or empty: unknown
  std::string from;     // address
  std::string what;     // "POST /v1/clusters/{name}/binds", "token password", "user add"
  std::string on;       // the thing: a path, a name
  std::string outcome;  // "begun", "done", "refused", "failed"
  int status = 0;       // of the answer; 0: there is none
};

// An append-only file, a JSON object a line. Each line has the hash of the line before it and one of itself,
// so that a byte that is changed, a line that is taken out or put in breaks the chain; the newest durable
// line is noted in the store as well, so that a missing end is found. A file that has become large is named FILE.SEQ
// after its last line, and the chain goes on in a new one. Several processes may append.
// Thread-safe.
class AuditLog {
 public:
  // Makes the file (0600). A torn last line, which nobody was told of, is taken off and that is noted.
  // Fault::invalid when the end of the file is no audit line.
  // `rotate_bytes`: how large a file becomes before another is begun; 0: there is one for ever.
  AuditLog(std::filesystem::path file, sql::Database& database, Clock& clock, std::uint64_t rotate_bytes = 0);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // `durable`: on disk, and noted in the store, when it returns. Fault::exhausted for a full disk,
  // Fault::retryable otherwise: the line is not there then.
  void append(const AuditEntry& entry, bool durable);

  struct Verdict {
    std::uint64_t entries = 0;
    std::string first_at, last_at;
    std::string problem;  // empty: the chain holds
  };
  // All files of the log as one chain. `from`: the number its first line has to have, for who keeps earlier files
  // elsewhere.
  static Verdict verify(const std::filesystem::path& file, sql::Database& database, std::uint64_t from = 1);

 private:
  class FileLock;
  std::unique_ptr<FileLock> locked();
  void open();
  void rotate();
  void take_up_end();
  std::string line_of(const AuditEntry& entry);
  static Verdict verify_files(const std::filesystem::path& file, std::vector<std::filesystem::path> files,
                              sql::Database& database, std::uint64_t from);

  std::filesystem::path path_;
  sql::Database& database_;
  Clock& clock_;
  std::mutex mutex_;
  const std::uint64_t rotate_bytes_;
  int file_ = -1;
  std::uint64_t sequence_ = 0;  // of the last line
  std::string hash_;            // of the last line
  std::uint64_t size_ = 0;      // of the file when it was ours the last time
};

}  // namespace slipway::pks
