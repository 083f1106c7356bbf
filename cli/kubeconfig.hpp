#pragma once

#include <filesystem>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "cli/terminal.hpp"

namespace slipway::cli {

// kubectl's configuration file: the first of $KUBECONFIG, else ~/.kube/config.
class KubeconfigFile {
 public:
  explicit KubeconfigFile(const Terminal& terminal);  // UsageError when there is no HOME either

  // Entries of `given` (a document of kind Config) replace those of the same name, its context becomes the
  // current one, all else stays. The file is replaced at once, readable by its owner only; a link to it stays
  // a link. While kubectl or another pks writes it, this waits for a few seconds: Fault::conflict names the
  // lock then. Fault::invalid for a file that is no kubeconfig, which stays as it is.
  void merge(const Json& given, Clock& clock) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The two documents as one. `source` names `existing` in errors.
Json merged_kubeconfig(Json existing, const Json& given, const std::string& source);

}  // namespace slipway::cli
