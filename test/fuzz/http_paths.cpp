// Request lines as "METHOD TARGET\nRANGE": the router, percent escapes and ranges of a file.
#include <fcntl.h>

#include "base/file.hpp"
#include "base/http/client.hpp"
#include "base/http/server.hpp"
#include "test/fuzz/fuzz.hpp"

namespace slipway::fuzz {
namespace {

constexpr std::uint64_t file_size = 1000;

const std::string& served_file() {
  static const TempDir folder;
  static const auto path = [] {
    write_file_atomically(folder.path() / "file", std::string(file_size, 'x'), 0600);
    return (folder.path() / "file").string();
  }();
  return path;
}

const http::Router& router() {
  static const auto made = [] {
    http::Router routes;
    for (const auto* pattern : {"/tasks/{id}/output", "/deployments/{deployment}/jobs/{group}/{id}", "/blobs/{rest*}", "/info"})
      for (const auto* method : {"GET", "PUT"})
        routes.add(method, pattern, [](http::Request& request) {
          for (const auto& [name, value] : request.path_params) require(!name.empty() && (!value.empty() || name == "rest"));
          return http::Response::file(request, served_file(), "text/plain");
        });
    return routes;
  }();
  return made;
}

}  // namespace

void run(std::string_view input) {
  refusals_are_right([&] { require(http::url_decode(http::url_encode(input)) == input); });
  const auto line_end = std::min(input.find('\n'), input.size());
  const auto line = input.substr(0, line_end);
  http::Request request;
  const auto space = std::min(line.find(' '), line.size());
  request.method = line.substr(0, space);
  request.target = line.substr(std::min(space + 1, line.size()));
  if (line_end < input.size()) request.headers["Range"] = input.substr(line_end + 1);
  refusals_are_right([&] {
    const auto response = router()(request);
    const auto* file = std::get_if<http::FileBody>(&response.body);
    if (file) require(file->offset <= file_size && file->length <= file_size - file->offset);
    if (response.status == 206) require(file && file->length > 0);
  });
}

}  // namespace slipway::fuzz
