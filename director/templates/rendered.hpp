#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace slipway::director {

struct RenderedFile {
  std::string name;  // "<job>/<destination>", "<job>/monit" or "<job>/.bosh/links.json"
  std::string content;
  unsigned mode = 0640;
};

// Everything rendered for one instance; files sorted by name.
struct RenderedInstance {
  std::vector<RenderedFile> files;
  std::string configuration_hash;                      // of all jobs
  std::map<std::string, std::string> template_hashes;  // by job
};

// Sorts the files and computes the hashes. `links.json` is left out of them: it changes
// whenever any peer does, and a job that needs peers renders them into a file of its own.
void seal(RenderedInstance& instance, const std::vector<std::string>& job_names);

// The rendered_templates_archive of an apply spec. Same files, same bytes.
void write_archive(const RenderedInstance& instance, const std::filesystem::path& archive);

}  // namespace slipway::director
