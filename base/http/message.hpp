#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace slipway::http {

struct CaseInsensitive {
  bool operator()(const std::string& a, const std::string& b) const;
};
using Headers = std::map<std::string, std::string, CaseInsensitive>;

// Fault::exhausted of the sender's making, told apart from a full disk: 413.
class BodyTooLarge : public Error {
 public:
  explicit BodyTooLarge(const std::string& message) : Error(Fault::exhausted, message) {}
};

// A body that is pulled, so that a slow reader slows the sender and memory stays bounded.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // 0 at the end. Fault::cancelled when the sender went away or was too slow,
  // BodyTooLarge beyond the server's limit.
  virtual std::size_t read(std::span<char> out) = 0;
  virtual std::optional<std::uint64_t> length() const = 0;

  std::string read_all(std::size_t max_bytes);  // BodyTooLarge beyond the limit
};

struct Request {
  std::string method;
  std::string path;                                // decoded, no query
  std::string target;                              // path and query as they were sent
  std::map<std::string, std::string> path_params;  // "{name}" of the route
  std::multimap<std::string, std::string> query;   // decoded
  Headers headers;
  std::string remote_address;
  std::string client_common_name;    // verified client certificate, else empty
  std::shared_ptr<BodyReader> body;  // never null

  std::optional<std::string> query_value(const std::string& name) const;
  const std::string& path_param(const std::string& name) const;  // must exist
  Json json_body(std::size_t max_bytes = 16u << 20) const;       // Fault::invalid, BodyTooLarge
};

struct FileBody {
  std::string path;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
// Fills the buffer and returns how much; 0 ends the body (sent chunked).
using StreamBody = std::function<std::size_t(std::span<char>)>;

// Bytes with the frame of a chunk around them, made once for all the connections they go to.
class Chunk {
 public:
  explicit Chunk(std::string_view content);  // not empty
  std::string_view content() const;
  std::string_view framed() const { return bytes_; }

 private:
  std::string bytes_;
  std::size_t head_;
};

// A body that grows while it is sent. Between two pieces it costs no thread. It is asked on the
// server's own threads, so it answers quickly and takes no lock that is held for long.
class Feed {
 public:
  struct Next {
    std::shared_ptr<const Chunk> chunk;  // null: nothing now
    bool ended = false;                  // nothing will come any more
  };
  virtual ~Feed() = default;
  // What follows what was taken before. When there is nothing now, `wake` is called once, from
  // any thread, as soon as that may have changed.
  virtual Next next(std::function<void()> wake) = 0;
};
struct FeedBody {
  std::shared_ptr<Feed> feed;
  std::chrono::seconds limit{60};  // ends the body, whatever the feed says
};

struct Response {
  int status = 200;
  Headers headers;
  std::variant<std::string, FileBody, StreamBody, FeedBody> body;

  static Response json(int status, const Json& value);
  static Response text(int status, std::string text, const std::string& content_type = "text/plain");
  static Response empty(int status);
  static Response redirect(const std::string& location);  // 302
  // A whole file, or the part a Range header asks for: 200, 206 or 416.
  static Response file(const Request& request, const std::string& path, const std::string& content_type);
};

}  // namespace slipway::http
