#include "stemcells/agent/compile.hpp"

#include <unistd.h>

#include "base/file.hpp"
#include "base/json_text.hpp"
#include "stemcells/agent/script_process.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

std::vector<PackageRef> dependencies_from(const Json& json, Problems& problems) {
  std::vector<PackageRef> packages;
  if (json.is_null()) return packages;
  if (!json.is_object()) {
    problems.add("deps", "must be an object");
    return packages;
  }
  for (const auto& [name, package] : json.items()) packages.push_back(package_from(package, name, problems));
  return packages;
}

// A package that fails must not stay half installed under its name.
class Cleanup {
 public:
  explicit Cleanup(std::vector<fs::path> paths) : paths_(std::move(paths)) {}
  ~Cleanup() {
    std::error_code ignored;
    for (const auto& path : paths_) fs::remove_all(path, ignored);
  }
  Cleanup(const Cleanup&) = delete;
  Cleanup& operator=(const Cleanup&) = delete;

 private:
  std::vector<fs::path> paths_;
};

std::string last_bytes(const fs::path& file, std::size_t max_bytes) {
  std::error_code failed;
  const auto size = fs::file_size(file, failed);
  if (failed || size == 0) return {};
  std::unique_ptr<FILE, int (*)(FILE*)> in(std::fopen(file.c_str(), "rb"), &std::fclose);
  if (!in) return {};
  const auto keep = std::min<std::size_t>(size, max_bytes);
  std::fseek(in.get(), -static_cast<long>(keep), SEEK_END);
  std::string text(keep, '\0');
  text.resize(std::fread(text.data(), 1, keep, in.get()));
  return text;
}

void run_packaging(const PackageRef& package, const fs::path& source, const Paths& paths) {
  const TempDir output("packaging", paths.tmp());
  const std::map<std::string, std::string> environment{
      {"BOSH_COMPILE_TARGET", source.string()},
      {"BOSH_INSTALL_TARGET", (paths.packages() / package.name).string()},
      {"BOSH_PACKAGE_NAME", package.name},
      {"BOSH_PACKAGE_VERSION", package.version},
      {"HOME", "/root"},
      {"PWD", source.string()}};
  const fs::path out = output.path() / "stdout";
  const fs::path err = output.path() / "stderr";
  ScriptProcess process({.argv = {"/bin/bash", "-x", "packaging"},
                         .env = script_environment(environment),
                         .working_directory = source,
                         .stdout_file = out,
                         .stderr_file = err});
  const auto ended = process.wait();
  if (ended.exit_code == 0) return;
  constexpr std::size_t shown_bytes = 64u << 10;
  throw Error(Fault::internal, "Running packaging script: Running command: 'bash -x packaging', stdout: '" +
                                   last_bytes(out, shown_bytes) + "', stderr: '" + last_bytes(err, shown_bytes) +
                                   "': " + ended.describe());
}

}  // namespace

CompileRequest compile_request_from(const Json& arguments) {
  if (!arguments.is_array() || arguments.size() < 4) {
    throw Error(Fault::invalid, "compile_package needs [blob, digest, name, version, deps]");
  }
  const auto text = [&](std::size_t index) {
    return arguments[index].is_string() ? arguments[index].get<std::string>() : std::string();
  };
  Problems problems;
  CompileRequest request;
  request.package = package_from(Json{{"blobstore_id", text(0)}, {"sha1", text(1)}, {"version", text(3)}}, text(2), problems);
  request.dependencies = dependencies_from(arguments.size() > 4 ? arguments[4] : Json(), problems);
  problems.throw_if_any("compile_package");
  return request;
}

CompileRequest signed_compile_request_from(const Json& arguments) {
  if (!arguments.is_array() || arguments.empty() || !arguments[0].is_object()) {
    throw Error(Fault::invalid, "compile_package_with_signed_url needs [{…}]");
  }
  const Json& in = arguments[0];
  Problems problems;
  CompileRequest request;
  const Json headers = in.value("blobstore_headers", Json::object());
  const Json package{{"signed_url", text_or_empty(in, "package_get_signed_url")},
                     {"blobstore_headers", headers},
                     {"sha1", text_or_empty(in, "digest")},
                     {"version", text_or_empty(in, "version")}};
  request.package = package_from(package, text_or_empty(in, "name"), problems);
  request.upload_signed_url = text_or_empty(in, "upload_signed_url");
  request.upload_headers = headers;
  if (request.upload_signed_url.empty()) problems.add("upload_signed_url", "is missing");
  const auto deps = in.find("deps");
  request.dependencies = dependencies_from(deps == in.end() ? Json() : *deps, problems);
  problems.throw_if_any("compile_package_with_signed_url");
  return request;
}

Json compile_package(const CompileRequest& request, const Blobs& blobs, const Paths& paths, const NodeLog& log) {
  const auto& package = request.package;
  return with_context("Compiling package " + package.name, [&] {
    const JobInstaller installer(blobs, paths, log);
    const fs::path source = paths.compile() / package.name;
    const fs::path installed = package_folder(paths, package);
    const TempDir work("compiled", paths.tmp());
    std::error_code ignored;
    fs::remove_all(source, ignored);
    fs::remove_all(installed, ignored);

    std::vector<fs::path> traces{source, installed, paths.packages() / package.name};
    for (const auto& dependency : request.dependencies) traces.push_back(paths.packages() / dependency.name);
    const Cleanup cleanup(traces);

    make_folder(source, 0755);
    const fs::path archive = work.path() / "source";
    blobs.get(package.source, archive);
    unpack_with_tar(archive, source);
    fs::remove(archive, ignored);
    for (const auto& dependency : request.dependencies) {
      installer.install_package(dependency);
      installer.link_package(dependency);
    }
    make_folder(installed, 0755);
    installer.link_package(package);
    if (fs::exists(source / "packaging")) run_packaging(package, source, paths);

    const fs::path compiled = work.path() / "compiled.tgz";
    pack_with_tar(installed, compiled);
    Json result{{"sha1", sha1_of_file(compiled)}};
    if (request.upload_signed_url.empty()) {
      result["blobstore_id"] = blobs.put(compiled);
    } else {
      blobs.put_signed(request.upload_signed_url, request.upload_headers, compiled);
      result["sha1"] = result["sha1"].get<std::string>() + ";sha512:" + sha512_of_file(compiled);
    }
    return result;
  });
}

}  // namespace slipway::agent
