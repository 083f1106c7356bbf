#include "pks-api/audit/audit_log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>

#include "base/digest.hpp"

namespace slipway::pks {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_text = 512, max_line = 8192, sequence_digits = 12;
constexpr auto unknown_size = std::numeric_limits<std::uint64_t>::max();
const std::string before_first(64, '0');

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

// What the log was before, oldest first.
std::vector<fs::path> earlier_files(const fs::path& file) {
  std::vector<fs::path> files;
  const auto folder = file.parent_path().empty() ? fs::path(".") : file.parent_path();
  if (!fs::exists(folder)) return files;
  const auto prefix = file.filename().string() + ".";
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    const bool numbered = name.starts_with(prefix) && name.size() == prefix.size() + sequence_digits &&
                          name.find_first_not_of("0123456789", prefix.size()) == std::string::npos;
    if (numbered) files.push_back(folder / name);
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string numbered(std::uint64_t sequence) {
  const auto digits = std::to_string(sequence);
  return std::string(sequence_digits - std::min(sequence_digits, digits.size()), '0') + digits;
}

Fault fault_of(int error) { return error == ENOSPC || error == EDQUOT ? Fault::exhausted : Fault::retryable; }

// So that a file that was begun, and the other name of the one before, are there after a loss of power.
void sync_folder_of(const fs::path& file) {
  const auto path = file.parent_path().empty() ? fs::path(".") : file.parent_path();
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && (::fsync(folder) == 0 || errno == EINVAL);
  const auto why = errno;
  if (folder >= 0) ::close(folder);
  if (!synced) throw Error(fault_of(why), "the folder of the audit log cannot be written: " + path.string());
}

}  // namespace

class AuditLog::FileLock {
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

AuditLog::AuditLog(fs::path file, sql::Database& database, Clock& clock, std::uint64_t rotate_bytes)
    : path_(std::move(file)), database_(database), clock_(clock), rotate_bytes_(rotate_bytes) {
  if (!path_.parent_path().empty()) fs::create_directories(path_.parent_path());
  open();
  try {
    std::uint64_t torn = 0;
    {
      const auto lock = locked();
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

void AuditLog::open() {
  if (file_ >= 0) ::close(file_);
  file_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file_ < 0) throw Error(Fault::invalid, "the audit log " + path_.string() + ": " + std::strerror(errno));
  sync_folder_of(path_);
}

// Of the file that has the name now: another process may have begun a new one.
std::unique_ptr<AuditLog::FileLock> AuditLog::locked() {
  while (true) {
    auto lock = std::make_unique<FileLock>(file_);
    struct stat ours {}, named {};
    if (::fstat(file_, &ours) == 0 && ::stat(path_.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
        ours.st_dev == named.st_dev)
      return lock;
    lock.reset();
    open();
    size_ = unknown_size;
  }
}

// Under the lock. Whoever comes next finds no file of that name, begins one, and reads on from this one's end.
void AuditLog::rotate() {
  if (::fdatasync(file_) != 0) return;  // the disk is in trouble: the next line says so
  std::error_code error;
  fs::rename(path_, path_.string() + "." + numbered(sequence_), error);
}

// Under the lock: another process may have appended.
void AuditLog::take_up_end() {
  size_ = size_of(file_);
  sequence_ = 0;
  hash_ = before_first;
  std::string end;
  auto source = path_;
  if (size_ != 0) {
    end = end_of(file_, size_);
  } else {
    const auto earlier = earlier_files(path_);
    if (earlier.empty()) return;
    source = earlier.back();
    const int file = ::open(source.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw Error(Fault::retryable, "the audit log cannot be read");
    try {
      end = end_of(file, size_of(file));
    } catch (...) {
      ::close(file);
      throw;
    }
    ::close(file);
  }
  if (end.ends_with('\n')) end.pop_back();
  const auto begin = end.rfind('\n');
  const auto text = end.substr(begin == std::string::npos ? 0 : begin + 1);
  const auto line = Json::parse(text, nullptr, false);
  if (!line.is_object() || !line.value("seq", Json()).is_number_unsigned() ||
      !line.value("hash", Json()).is_string()) {
    throw Error(Fault::invalid, "the end of the audit log " + source.string() +
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
  auto file_lock = locked();
  if (size_of(file_) != size_) take_up_end();
  if (rotate_bytes_ != 0 && size_ >= rotate_bytes_) {
    rotate();
    file_lock.reset();
    file_lock = locked();
    take_up_end();
  }
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

AuditLog::Verdict AuditLog::verify(const fs::path& file, sql::Database& database, std::uint64_t from) {
  while (true) {
    const auto earlier = earlier_files(file);
    const auto verdict = verify_files(file, earlier, database, from);
    // A file that was begun meanwhile took the place of one that was to be read.
    if (verdict.problem.empty() || earlier_files(file) == earlier) return verdict;
  }
}

AuditLog::Verdict AuditLog::verify_files(const fs::path& file, std::vector<fs::path> files, sql::Database& database,
                                         std::uint64_t from) {
  Verdict verdict;
  const auto head = database.run("SELECT seq, hash FROM audit_head").rows.at(0);
  const auto head_sequence = static_cast<std::uint64_t>(head.integer("seq"));
  bool head_found = head_sequence == 0;
  // Between the end of one file and the first line of the next there is none of that name.
  if (fs::exists(file) || files.empty()) files.push_back(file);
  std::string text, previous = before_first;
  auto number = from;
  Json line;
  for (const auto& one : files) {
    std::ifstream in(one);
    if (!in && head_sequence != 0) {
      verdict.problem = one.string() + " is gone";
      return verdict;
    }
    for (; std::getline(in, text); ++number) {
      if (verdict.entries == 0 && from != 1) {  // what came before is elsewhere
        const auto first = Json::parse(text, nullptr, false);
        const auto named = first.is_object() ? first.value("previous", Json()) : Json();
        if (named.is_string()) previous = named.get<std::string>();
      }
      if (const auto fault = fault_in(text, number, previous, line); !fault.empty()) {
        verdict.problem = "line " + std::to_string(number) + " " + fault;
        return verdict;
      }
      ++verdict.entries;
      previous = line.at("hash").get<std::string>();
      verdict.last_at = line.at("at").get<std::string>();
      if (verdict.entries == 1) verdict.first_at = verdict.last_at;
      if (number == head_sequence) head_found = previous == head.text("hash");
    }
  }
  if (!head_found) {
    verdict.problem = "line " + std::to_string(head_sequence) + ", which the store knows of, is " +
                      (number <= head_sequence ? "missing" : "another one");
  }
  return verdict;
}

}  // namespace slipway::pks
