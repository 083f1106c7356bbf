#include "director/uploads/source.hpp"

#include <fstream>

#include "base/digest.hpp"
#include "base/http/client.hpp"

namespace slipway::director {
namespace {

namespace fs = std::filesystem;

constexpr int max_redirects = 5;

std::string text_of(const Json& arguments, const char* key) {
  const auto found = arguments.find(key);
  return found != arguments.end() && found->is_string() ? found->get<std::string>() : "";
}

struct Url {
  std::string base, target;
};

Url parse_url(const std::string& location) {
  const auto scheme_end = location.find("://");
  const auto scheme = location.substr(0, scheme_end == std::string::npos ? 0 : scheme_end);
  if (scheme != "https" && scheme != "http")
    throw Error(Fault::invalid, "location '" + location + "': expected an https, http or file URL");
  const auto path = location.find_first_of("/?", scheme_end + 3);
  if (path == std::string::npos) return {location, "/"};
  return {location.substr(0, path), (location[path] == '?' ? "/" : "") + location.substr(path)};
}

std::string redirected(const Url& from, const std::string& to) {
  return to.starts_with("/") ? from.base + to : to;
}

void copy_local(const std::string& location, const fs::path& target) {
  const fs::path source = location.substr(std::string("file://").size());
  std::error_code error;
  if (!fs::is_regular_file(source, error)) throw Error(Fault::invalid, "location '" + location + "': no such file");
  fs::copy_file(source, target, fs::copy_options::overwrite_existing, error);
  if (error) throw Error(Fault::exhausted, "copying " + source.string() + ": " + error.message());
}

}  // namespace

void download(const std::string& location, const fs::path& target, TaskContext& task) {
  if (location.starts_with("file://")) return copy_local(location, target);
  auto current = location;
  for (int redirects = 0; redirects <= max_redirects; ++redirects) {
    const auto url = parse_url(current);
    http::ClientConfig config;
    config.base_url = url.base;
    config.timeout = std::chrono::seconds(120);
    std::ofstream file(target, std::ios::binary | std::ios::trunc);
    const auto response = http::Client(config).download({.target = url.target}, [&](std::string_view bytes) {
      task.checkpoint();
      file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      if (!file) throw Error(Fault::exhausted, "storing the download: the disk is full");
    });
    file.close();
    if (response.status == 200) {
      if (!file) throw Error(Fault::exhausted, "storing the download: the disk is full");
      return;
    }
    const auto to = response.headers.find("Location");
    if (response.status < 300 || response.status > 399 || to == response.headers.end())
      throw Error(Fault::invalid,
                  "downloading " + current + ": the server answers " + std::to_string(response.status));
    current = redirected(url, to->second);
  }
  throw Error(Fault::invalid, "downloading " + location + ": more than " + std::to_string(max_redirects) +
                                  " redirects");
}

UploadedFile::~UploadedFile() {
  const auto path = text_of(task_.task().arguments, "path");
  if (path.empty() || task_.cancelled()) return;
  std::error_code ignored;
  fs::remove(path, ignored);
}

fs::path fetch_source(TaskContext& task, const fs::path& folder, TaskContext::Stage& stage, const std::string& what) {
  const auto& arguments = task.task().arguments;
  fs::path path = text_of(arguments, "path");
  const auto location = text_of(arguments, "location");
  if (!location.empty()) {
    path = folder / "download.tgz";
    stage.run("Downloading remote " + what, [&](auto&) { download(location, path, task); });
  } else if (!fs::exists(path)) {
    throw Error(Fault::invalid, "the uploaded file is gone; upload it again");
  }
  const auto digest = text_of(arguments, "sha1");
  if (!digest.empty())
    stage.run("Verifying remote " + what, [&](auto&) {
      with_context(location.empty() ? "the uploaded " + what : "location '" + location + "'",
                   [&] { verify_file(path.string(), MultiDigest::parse(digest)); });
    });
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
