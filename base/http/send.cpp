#include <fcntl.h>
#include <unistd.h>
#include <boost/beast/http/status.hpp>

#include "base/http/connection.hpp"

namespace slipway::http {
namespace {

constexpr std::size_t chunk_bytes = 64u << 10;

class File {
 public:
  explicit File(const std::string& path) : handle_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (handle_ >= 0) ::close(handle_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool is_open() const { return handle_ >= 0; }
  std::size_t read_at(std::span<char> out, std::uint64_t offset) const {
    const auto size = ::pread(handle_, out.data(), out.size(), static_cast<off_t>(offset));
    return size < 0 ? 0 : static_cast<std::size_t>(size);
  }

 private:
  int handle_;
};

bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

bool is_clean(const std::string& text) {
  return text.find_first_of(std::string("\r\n\0", 3)) == std::string::npos;
}

constexpr std::size_t frame = 10;  // "0000ffff\r\n"

void write_frame_size(std::span<char, frame> out, std::size_t size) {
  for (std::size_t i = 0; i < 8; ++i) out[i] = "0123456789abcdef"[size >> (28 - 4 * i) & 15];
  out[8] = '\r';
  out[9] = '\n';
}

}  // namespace

// `length` unknown and not chunked: the end of the connection ends the body.
std::string Connection::head_of(const Response& response, std::optional<std::uint64_t> length, bool chunked) {
  const auto reason = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(response.status)));
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(reason) + "\r\n";
  for (const auto& [name, value] : response.headers) {
    if (!is_clean(name) || !is_clean(value))
      throw Error(Fault::internal, "line break in response header " + name);
    head += name + ": " + value + "\r\n";
  }
  if (chunked)
    head += "Transfer-Encoding: chunked\r\n";
  else if (length && has_body(response.status) && !response.headers.contains("Content-Length"))
    head += "Content-Length: " + std::to_string(*length) + "\r\n";
  if (!keep_) head += "Connection: close\r\n";
  return head + "\r\n";
}

void Connection::send(Response response, bool is_head) {
  const auto& fields = parser_->get();
  // A body nobody read, and whose sender may or may not go on sending it, ends the connection.
  if (stopping_ || body_too_large_ || much_of_body_is_left() || (continue_due_ && !parser_->is_done()))
    keep_ = false;
  if (fields.version() < 11) keep_ = false;

  if (const auto* text = std::get_if<std::string>(&response.body)) {
    const bool with_body = !is_head && has_body(response.status);
    const auto head = head_of(response, text->size(), false);
    if (!with_body || text->size() > chunk_bytes) {
      write_head(head);
      if (with_body) write_all(*text);
    } else {
      write_head(head + *text);
    }
    return;
  }
  if (const auto* file = std::get_if<FileBody>(&response.body)) {
    send_file(*file, head_of(response, file->length, false), is_head);
    return;
  }
  if (is_head) return write_head(head_of(response, std::nullopt, false));
  const bool chunked = fields.version() >= 11;
  if (auto* feed = std::get_if<FeedBody>(&response.body)) {
    send_feed(*feed, head_of(response, std::nullopt, chunked), chunked);
    return;
  }
  send_stream(std::get<StreamBody>(response.body), head_of(response, std::nullopt, chunked), chunked);
}

void Connection::write_head(std::string_view bytes) {
  head_sent_ = true;
  write(bytes);
}

void Connection::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    write(bytes.substr(0, chunk_bytes));
    bytes.remove_prefix(std::min(chunk_bytes, bytes.size()));
  }
}

void Connection::send_file(const FileBody& body, const std::string& head, bool is_head) {
  const File file(body.path);
  if (!file.is_open()) {
    context_->log.error("http.file_vanished", {{"path", body.path}});
    return write_head(head_of(Response::empty(500), 0, false));
  }
  write_head(head);
  if (is_head) return;
  std::vector<char> buffer(chunk_bytes);
  for (std::uint64_t sent = 0; sent < body.length;) {
    const auto want = std::min<std::uint64_t>(buffer.size(), body.length - sent);
    const auto size = file.read_at(std::span(buffer).first(want), body.offset + sent);
    // The length has been promised: only a cut connection tells the client of the failure.
    if (size == 0) throw Error(Fault::internal, "the file became shorter while it was sent: " + body.path);
    write({buffer.data(), size});
    sent += size;
  }
}

void Connection::send_stream(StreamBody& body, std::string head, bool chunked) {
  std::vector<char> buffer(frame + chunk_bytes + 2);
  const auto content = std::span(buffer).subspan(frame, chunk_bytes);
  for (;;) {
    // The head leaves with the first bytes: a producer that fails at once still gets its 500.
    const auto size = body(content);
    if (!head.empty()) write_head(std::exchange(head, {}));
    if (size == 0) break;
    if (!chunked) {
      write({content.data(), size});
      continue;
    }
    write_frame_size(std::span(buffer).first<frame>(), size);
    buffer[frame + size] = '\r';
    buffer[frame + size + 1] = '\n';
    write({buffer.data(), frame + size + 2});
  }
  if (chunked) write("0\r\n\r\n");
}

}  // namespace slipway::http
