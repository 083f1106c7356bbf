#pragma once

#include <optional>
#include <string>

#include "base/digest.hpp"
#include "director/api/routes.hpp"

// What uploads and deletions of releases and stemcells have in common.
namespace slipway::director::api {

struct UploadKind {
  std::string task_type, description;
  int invalid_archive;  // the code of a body that is none
  // Takes the body in and puts its place ("path") into the task's arguments. Fault::invalid unless it has the
  // digest, if one is given.
  void (*receive)(ApiServices&, Request&, const std::optional<MultiDigest>&, Json& arguments);
};

// Starts a task with the tarball that is the body, or with what {location, sha1} says.
Response upload_artifact(ApiServices& services, Request& request, const Caller& caller, const UploadKind& kind);

// Starts a task of `type` for the artifact whose name is in the path; `version` empty: all of them.
Response delete_artifact(ApiServices& services, const Request& request, const Caller& caller,
                         const std::string& type, const std::string& version);

}  // namespace slipway::director::api
