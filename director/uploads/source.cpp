#include "director/uploads/source.hpp"

#include <algorithm>
#include <fstream>
#include <optional>

#include "base/digest.hpp"
#include "base/http/client.hpp"
#include "base/json_text.hpp"

namespace slipway::director {
namespace {

namespace fs = std::filesystem;

constexpr int max_redirects = 9;
constexpr int download_failed = 100001;
constexpr int nothing_there = 100002;

// user:password@ goes into a header and is never shown.
struct Url {
  std::string base, target, credentials;
  std::string shown() const { return base + target; }
};

Url parse_url(const std::string& location) {
  const auto scheme_end = location.find("://");
  const auto scheme = location.substr(0, scheme_end == std::string::npos ? 0 : scheme_end);
  if (scheme != "https" && scheme != "http")
    throw Error(Fault::invalid, "location: expected an https or http URL that the director can reach, not '" +
                                    (scheme.empty() ? std::string("something without a scheme") : scheme + "://…") + "'");
  const auto host = scheme_end + 3;
  const auto path = std::min(location.find_first_of("/?#", host), location.size());
  Url url;
  const auto at = location.rfind('@', path == 0 ? 0 : path - 1);
  const bool has_user = at != std::string::npos && at >= host && at < path;
  if (has_user) url.credentials = http::url_decode(location.substr(host, at - host));
  const auto host_begin = has_user ? at + 1 : host;
  url.base = scheme + "://" + location.substr(host_begin, path - host_begin);
  url.target = location.substr(path, location.find('#', path) - path);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

// A credential goes to the host it was given for and to nobody a redirect names.
Url redirected(const Url& from, const std::string& to) {
  auto next = parse_url(to.starts_with("/") ? from.base + to : to);
  if (next.base == from.base && next.credentials.empty()) next.credentials = from.credentials;
  return next;
}

http::ClientResponse fetch(const Url& url, const std::function<void(std::string_view)>& sink) {
  http::ClientConfig config;
  config.base_url = url.base;
  config.timeout = std::chrono::seconds(120);
  http::ClientRequest request{.target = url.target};
  if (!url.credentials.empty()) request.headers["Authorization"] = "Basic " + base64_encode(url.credentials);
  return http::Client(config).download(request, sink);
}

}  // namespace

std::string shown_location(const std::string& location) { return parse_url(location).shown(); }

void download(const std::string& location, const fs::path& target, TaskContext& task,
              const std::function<void(std::string_view)>& passed) {
  auto url = parse_url(location);
  for (int redirects = 0; redirects <= max_redirects; ++redirects) {
    std::ofstream file(target, std::ios::binary | std::ios::trunc);
    const auto response = fetch(url, [&](std::string_view bytes) {
      task.checkpoint();
      file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      if (!file) throw Error(Fault::exhausted, "storing the download: the disk is full");
      passed(bytes);
    });
    file.close();
    if (response.status == 200) {
      if (!file) throw Error(Fault::exhausted, "storing the download: the disk is full");
      return;
    }
    const auto to = response.headers.find("Location");
    if (response.status < 300 || response.status > 399 || to == response.headers.end())
      throw Error(Fault::invalid,
                  "downloading " + url.shown() + ": the server answers " + std::to_string(response.status),
                  response.status == 404 ? nothing_there : download_failed);
    url = redirected(url, to->second);
  }
  throw Error(Fault::invalid,
              "downloading " + shown_location(location) + ": more than " + std::to_string(max_redirects) + " redirects",
              download_failed);
}

namespace {

// Hashed while it comes in, so that nothing is read a second time.
fs::path fetch_location(TaskContext& task, const std::string& location, const std::string& digest,
                        const fs::path& folder, TaskContext::Stage& stage, const std::string& what, int mismatch) {
  const auto path = folder / "download.tgz";
  std::optional<MultiDigest> expected;
  if (!digest.empty()) expected = MultiDigest::parse(digest);
  std::optional<Hasher> hasher;
  if (expected) hasher.emplace(expected->kind());
  stage.run("Downloading remote " + what, [&](auto&) {
    download(location, path, task, [&](std::string_view bytes) {
      if (hasher) hasher->update(bytes);
    });
  });
  if (!expected) return path;
  stage.run("Verifying remote " + what, [&](auto&) {
    const auto actual = hasher->hex();
    if (expected->matches(expected->kind(), actual)) return;
    throw Error(Fault::invalid,
                "location '" + shown_location(location) + "': expected is the digest " + expected->hex() +
                    ", what came has " + actual,
                mismatch);
  });
  return path;
}

}  // namespace

UploadedFile::~UploadedFile() {
  const auto path = text_or_empty(task_.task().arguments, "path");
  if (path.empty() || task_.cancelled()) return;
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

fs::path fetch_source(TaskContext& task, const fs::path& folder, TaskContext::Stage& stage, const std::string& what,
                      int mismatch) {
  const auto& arguments = task.task().arguments;
  const auto location = text_or_empty(arguments, "location");
  if (!location.empty())
    return fetch_location(task, location, text_or_empty(arguments, "sha1"), folder, stage, what, mismatch);
  fs::path path = text_or_empty(arguments, "path");
  if (!fs::exists(path)) throw Error(Fault::invalid, "the uploaded file is gone; upload it again");
  return path;
}

void read_upload(const std::string& what, const fs::path& tarball, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    const std::string text = error.what();
    if (!text.starts_with(tarball.string())) throw;
    throw Error(error.fault(),
                "the " + what + " tarball" + text.substr(tarball.string().size()) +
                    "; expected is a whole tar archive, plain or compressed",
                error.code());
  }
}

}  // namespace slipway::director
