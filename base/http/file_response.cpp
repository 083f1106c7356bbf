#include <sys/stat.h>
#include <cctype>
#include <charconv>
#include <filesystem>

#include "base/http/message.hpp"

namespace slipway::http {
namespace {

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // 0: cannot be satisfied
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

// One range of bytes. Several ranges, other units and malformed ones are ignored, as
// RFC 9110 section 14.2 allows: the whole file is sent.
std::optional<ByteRange> parse_range(std::string_view header, std::uint64_t size) {
  if (!header.starts_with("bytes=") || header.find(',') != std::string_view::npos) return std::nullopt;
  header.remove_prefix(6);
  const auto dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = header.substr(0, dash);
  const auto last = header.substr(dash + 1);
  if (first.empty()) {
    const auto count = number(last);
    if (!count) return std::nullopt;
    const auto length = std::min(*count, size);
    return ByteRange{size - length, length};
  }
  const auto begin = number(first);
  const auto end = last.empty() ? std::optional<std::uint64_t>(UINT64_MAX) : number(last);
  if (!begin || !end || *end < *begin) return std::nullopt;
  if (*begin >= size) return ByteRange{};
  return ByteRange{*begin, std::min(*end, size - 1) - *begin + 1};
}

}  // namespace

Response Response::file(const Request& request, const std::string& path, const std::string& content_type) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
    throw Error(Fault::not_found, "no file " + std::filesystem::path(path).filename().string());
  const auto size = static_cast<std::uint64_t>(info.st_size);
  Response response;
  response.headers["Content-Type"] = content_type;
  response.headers["Accept-Ranges"] = "bytes";
  response.body = FileBody{path, 0, size};

  // Without an entity tag of ours, a conditional range never matches.
  const auto header = request.headers.find("Range");
  if (header == request.headers.end() || request.headers.contains("If-Range")) return response;
  const auto range = parse_range(header->second, size);
  if (!range) return response;
  if (range->length == 0) {
    response.status = 416;
    response.headers["Content-Range"] = "bytes */" + std::to_string(size);
    response.body = std::string();
    return response;
  }
  response.status = 206;
  response.headers["Content-Range"] = "bytes " + std::to_string(range->offset) + "-" +
                                      std::to_string(range->offset + range->length - 1) + "/" +
                                      std::to_string(size);
  response.body = FileBody{path, range->offset, range->length};
  return response;
}

}  // namespace slipway::http
