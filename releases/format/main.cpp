#include <boost/program_options.hpp>
#include <iostream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "releases/format/create.hpp"
#include "releases/format/tarball.hpp"

namespace options = boost::program_options;
using namespace slipway;

namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

constexpr const char* usage =
    "slipway-release: makes and checks release tarballs\n"
    "\n"
    "  slipway-release create DIR --version V --out FILE [--blobs DIR]… [--name N] [--commit-hash H]\n"
    "  slipway-release inspect FILE\n"
    "\n"
    "Example:\n"
    "  slipway-release create releases/etcd --version 1.0.0 --blobs build/blobs --out build/etcd-1.0.0.tgz\n"
    "\n"
    "The same directory gives the same bytes. Exit status: 0 done, 1 failed, 2 wrong usage.\n";

void print(const releases::ReleaseManifest& manifest) {
  std::cout << "release  " << manifest.name << "/" << manifest.version << "  commit " << manifest.commit_hash << "\n";
  for (const auto& job : manifest.jobs) std::cout << "job      " << job.name << "/" << job.fingerprint << "\n";
  for (const auto& package : manifest.packages) {
    std::cout << (manifest.compiled ? "compiled " : "package  ") << package.name << "/" << package.fingerprint;
    for (const auto& dependency : package.dependencies) std::cout << "  needs " << dependency;
    if (manifest.compiled) std::cout << "  for " << package.stemcell;
    std::cout << "\n";
  }
}

int create(const std::vector<std::string>& arguments) {
  releases::CreateOptions create;
  std::string directory, out;
  std::vector<std::string> blobs;
  options::options_description known;
  known.add_options()("directory", options::value(&directory)->required())(
      "version", options::value(&create.version)->required())("out", options::value(&out)->required())(
      "blobs", options::value(&blobs))("name", options::value(&create.name))("commit-hash",
                                                                             options::value(&create.commit_hash));
  options::positional_options_description positional;
  positional.add("directory", 1);
  options::variables_map map;
  options::store(options::command_line_parser(arguments).options(known).positional(positional).run(), map);
  options::notify(map);
  create.directory = directory;
  create.blobs.assign(blobs.begin(), blobs.end());
  print(releases::create_release(create, out));
  return 0;
}

int inspect(const std::vector<std::string>& arguments) {
  std::string file;
  options::options_description known;
  known.add_options()("file", options::value(&file)->required());
  options::positional_options_description positional;
  positional.add("file", 1);
  options::variables_map map;
  options::store(options::command_line_parser(arguments).options(known).positional(positional).run(), map);
  options::notify(map);
  const TempDir work("slipway-release");
  const auto release = releases::read_release(file, work.path());
  releases::check_properties_schemas(release);
  print(release.manifest);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    (arguments.empty() ? std::cerr : std::cout) << usage;
    return arguments.empty() ? exit_usage : 0;
  }
  const std::string command = arguments[0];
  arguments.erase(arguments.begin());
  try {
    if (command == "create") return create(arguments);
    if (command == "inspect") return inspect(arguments);
    std::cerr << "unknown command '" << command << "'\n\n" << usage;
    return exit_usage;
  } catch (const options::error& error) {
    std::cerr << error.what() << "\n\n" << usage;
    return exit_usage;
  } catch (const std::exception& error) {
    std::cerr << "slipway-release: " << error.what() << "\n";
    return exit_failed;
  }
}
