#include "pks-api/audit/audit_log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/digest.hpp"

namespace slipway::pks {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_text = 512, max_line = 8192;
const std::string before_first(64, '0');

class FileLock {
 public:
  explicit FileLock(int file) : file_(file) {
    while (::flock(file_, LOCK_EX) != 0) {
      if (errno != EINTR)
        throw Error(Fault::retryable, std::string("the audit log cannot be locked: ") + std::strerror(errno));
    }
  }
  ~FileLock() { ::flock(file_, LOCK_UN); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int file_;
};

std::uint64_t size_of(int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0) throw Error(Fault::retryable, "the audit log cannot be read");
  return static_cast<std::uint64_t>(status.st_size);
}

// What is at the end of the file, as far as a line can be long.
std::string end_of(int file, std::uint64_t size) {
  const auto length = std::min<std::uint64_t>(size, 2 * max_line);
  std::string text(length, '\0');
  const auto got = ::pread(file, text.data(), length, static_cast<off_t>(size - length));
  if (got != static_cast<ssize_t>(length)) throw Error(Fault::retryable, "the audit log cannot be read");
  return text;
}

std::string hash_of(Json line) {
  line.erase("hash");
  return sha256_hex(dump(line));
}

// Why a line is none; empty when it is as it was written. `previous` is the hash of the line before.
std::string fault_in(const std::string& text, std::uint64_t sequence, const std::string& previous,
                     Json& line) {
  line = Json::parse(text, nullptr, false);
  if (!line.is_object() || dump(line) != text) return "is not as it was written";
  if (line.value("hash", Json()) != Json(hash_of(line))) return "is not as it was written";
  if (line.value("seq", Json()) != Json(sequence)) return "has number " + dump(line.value("seq", Json()));
  if (line.value("previous", Json()) != Json(previous)) return "does not follow the line before it";
  return "";
}

Fault fault_of(int error) { return error == ENOSPC || error == EDQUOT ? Fault::exhausted : Fault::retryable; }

}  // namespace

AuditLog::AuditLog(fs::path file, sql::Database& database, Clock& clock)
    : path_(std::move(file)), database_(database), clock_(clock) {
  if (!path_.parent_path().empty()) fs::create_directories(path_.parent_path());
  file_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file_ < 0) throw Error(Fault::invalid, "the audit log " + path_.string() + ": " + std::strerror(errno));
  try {
    std::uint64_t torn = 0;
    {
      const FileLock lock(file_);
      const auto size = size_of(file_);
      const auto end = end_of(file_, size);
      const auto last = end.rfind('\n');
      torn = end.size() - (last == std::string::npos ? 0 : last + 1);
      if (torn != 0 && ::ftruncate(file_, static_cast<off_t>(size - torn)) != 0) {
        throw Error(Fault::retryable, "the torn end of the audit log cannot be taken off");
      }
      take_up_end();
    }
    if (torn != 0) append({"", "", "torn line taken off", std::to_string(torn) + " bytes", "done", 0}, true);
  } catch (...) {
    ::close(file_);
    throw;
  }
}

AuditLog::~AuditLog() { ::close(file_); }

// Under the lock: another process may have appended.
void AuditLog::take_up_end() {
  size_ = size_of(file_);
  sequence_ = 0;
  hash_ = before_first;
  if (size_ == 0) return;
  auto end = end_of(file_, size_);
  if (end.ends_with('\n')) end.pop_back();
  const auto begin = end.rfind('\n');
  const auto text = end.substr(begin == std::string::npos ? 0 : begin + 1);
  const auto line = Json::parse(text, nullptr, false);
  if (!line.is_object() || !line.value("seq", Json()).is_number_unsigned() ||
      !line.value("hash", Json()).is_string()) {
    throw Error(Fault::invalid, "the end of the audit log " + path_.string() +
                                    " is no audit line; see: slipway-pks-api audit verify");
  }
  sequence_ = line.at("seq").get<std::uint64_t>();
  hash_ = line.at("hash").get<std::string>();
}

std::string AuditLog::line_of(const AuditEntry& entry) {
  Json line = {{"seq", sequence_ + 1},
               {"at", to_rfc3339(clock_.now())},
               {"who", entry.who.substr(0, max_text)},
               {"from", entry.from.substr(0, max_text)},
               {"what", entry.what.substr(0, max_text)},
               {"on", entry.on.substr(0, max_text)},
               {"outcome", entry.outcome},
               {"previous", hash_}};
  if (entry.status != 0) line["status"] = entry.status;
  // Text that is no UTF-8 is replaced before it is hashed, so that it reads back as it was.
  line = parse_json(dump(line), "audit line");
  line["hash"] = hash_of(line);
  return dump(line) + "\n";
}

void AuditLog::append(const AuditEntry& entry, bool durable) {
  const std::lock_guard lock(mutex_);
  const FileLock file_lock(file_);
  if (size_of(file_) != size_) take_up_end();
  const auto text = line_of(entry);
  const auto written = ::write(file_, text.data(), text.size());
  const auto error = errno;
  const bool whole = written == static_cast<ssize_t>(text.size());
  if (!whole || (durable && ::fdatasync(file_) != 0)) {
    const auto why = whole ? errno : error;
    if (::ftruncate(file_, static_cast<off_t>(size_)) != 0) size_ = 0;  // looked at anew the next time
    throw Error(fault_of(why), "the audit log cannot be written, so nothing was done");
  }
  const auto line = parse_json(std::string_view(text).substr(0, text.size() - 1), "audit line");
  size_ += text.size();
  ++sequence_;
  hash_ = line.at("hash").get<std::string>();
  if (!durable) return;
  database_.run("UPDATE audit_head SET seq = :1, hash = :2 WHERE seq < :1",
                {static_cast<std::int64_t>(sequence_), hash_});
}

AuditLog::Verdict AuditLog::verify(const fs::path& file, sql::Database& database) {
  Verdict verdict;
  const auto head = database.run("SELECT seq, hash FROM audit_head").rows.at(0);
  const auto head_sequence = static_cast<std::uint64_t>(head.integer("seq"));
  bool head_found = head_sequence == 0;
  std::ifstream in(file);
  if (!in && head_sequence != 0) {
    verdict.problem = file.string() + " is gone";
    return verdict;
  }
  std::string text, previous = before_first;
  Json line;
  while (std::getline(in, text)) {
    const auto number = verdict.entries + 1;
    if (const auto fault = fault_in(text, number, previous, line); !fault.empty()) {
      verdict.problem = "line " + std::to_string(number) + " " + fault;
      return verdict;
    }
    verdict.entries = number;
    previous = line.at("hash").get<std::string>();
    verdict.last_at = line.at("at").get<std::string>();
    if (number == 1) verdict.first_at = verdict.last_at;
    if (number == head_sequence) head_found = previous == head.text("hash");
  }
  if (!head_found) {
    verdict.problem = "line " + std::to_string(head_sequence) + ", which the store knows of, is " +
                      (verdict.entries < head_sequence ? "missing" : "another one");
  }
  return verdict;
}

}  // namespace slipway::pks
