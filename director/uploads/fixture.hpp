#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "director/api/fixture.hpp"
#include "director/uploads/artifact_tasks.hpp"
#include "director/uploads/upload_folder.hpp"
#include "releases/format/create.hpp"

namespace slipway::director {

// For tests: the tasks about releases and stemcells over an empty store and a simulated cloud.
struct Lines final : TaskOutput {
  std::string text;
  void append(std::string_view line) override { text += std::string(line) + "\n"; }
};

struct UploadFixture : StoreFixture {
  SystemClock clock;
  SystemRandom random;
  Stores stores{db, Secret(std::string(32, 'k'))};
  Tasks tasks{db, (folder.path() / "tasks").string()};
  Locks locks{db, clock, "d1"};
  Blobstore blobs{folder.path() / "blobs", random};
  SimulatedCpis cpis;
  ArtifactServices services{clock, random, stores, locks, blobs, cpis, folder.path()};
  UploadFolder uploads{folder.path() / "uploads", random};
  Lines event, result, debug, cpi;
  bool cancelled = false;

  using Body = std::string (*)(ArtifactServices&, TaskContext&);
  std::string run(Body body, const Json& arguments) {
    TaskRecord record;
    record.type = "t";
    record.arguments = arguments;
    return run(body, tasks.insert(record, now));
  }
  std::string run(Body body, const TaskRecord& task) {
    TaskContext context(task, clock, event, result, debug, cpi, [this] { return cancelled; });
    return body(services, context);
  }

  void write(const std::string& path, const std::string& text) {
    const auto file = folder.path() / path;
    std::filesystem::create_directories(file.parent_path());
    write_file_atomically(file, text);
  }
  // A release with one job and one package whose contents are given.
  std::string release(const std::string& version, const std::string& script = "echo 1",
                      const std::string& packaging = "true", const std::string& commit = "abc") {
    std::filesystem::remove_all(folder.path() / "src");
    write("src/config/final.yml", "name: tiny\n");
    write("src/jobs/web/spec",
          "name: web\ntemplates: {ctl: bin/ctl}\npackages: [lib]\nproperties: {}\n");
    write("src/jobs/web/monit", "check process web\n");
    write("src/jobs/web/templates/ctl", script + "\n");
    write("src/packages/lib/spec", "name: lib\ndependencies: []\nfiles: []\n");
    write("src/packages/lib/packaging", packaging + "\n");
    const auto out = folder.path() / ("tiny-" + version + ".tgz");
    releases::create_release({.directory = folder.path() / "src", .version = version, .commit_hash = commit}, out);
    return out.string();
  }
  // Taken in, as the folder that a task is given.
  std::string stemcell(const std::string& version, const std::string& image = "image",
                       const std::string& format = "") {
    TextReader body(read_file(stemcell_tarball(version, image, format)));
    return uploads.receive_stemcell(body, {}, {}).string();
  }
  std::string stemcell_tarball(const std::string& version, const std::string& image = "image",
                               const std::string& format = "") {
    const auto out = folder.path() / ("stemcell-" + version + ".tgz");
    ArchiveWriter writer(out);
    writer.add("stemcell.MF", "name: debian\nversion: '" + version + "'\noperating_system: debian-12\nsha1: " +
                                  sha1_hex("image") + "\napi_version: 3\ncloud_properties: {a: 1}\n" +
                                  (format.empty() ? "" : "stemcell_formats: [" + format + "]\n"));
    writer.add("image", image);
    writer.finish();
    return out.string();
  }
};

inline int code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code() == 0 ? -1 : error.code();
  }
  return 0;
}

}  // namespace slipway::director
