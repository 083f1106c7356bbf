#pragma once

#include <chrono>
#include <string>

#include "base/clock.hpp"
#include "base/http/server.hpp"
#include "base/secret.hpp"
#include "director/blobstore/blobstore.hpp"

namespace slipway::director {

struct BlobAccess {
  std::string user;  // agents, by Basic authentication
  Secret password;
  Secret signing_secret;  // for signed URLs; empty: none is made or accepted
};

// What agents see of the blobstore: GET, HEAD, PUT and DELETE of /xx/id with Basic
// authentication, and GET, HEAD and PUT of /signed/xx/id?st=…&ts=…&e=… without. GET honours
// Range. PUT: 201 when stored, 204 when that content was there, 409 when other content was,
// 507 when the disk is full. Given to a server as std::ref(handler).
// Source: contracts/agent-cpi.md section 5, "Blobstore".
class BlobHandler {
 public:
  // `blobs` and `clock` outlive the object.
  BlobHandler(Blobstore& blobs, BlobAccess access, const Clock& clock);
  BlobHandler(const BlobHandler&) = delete;
  BlobHandler& operator=(const BlobHandler&) = delete;

  http::Response operator()(http::Request& request) const;

  // Path and query that let anybody perform `method` (GET or PUT) on the blob for `lifetime`
  // from now. Goes behind the blobstore's public URL.
  std::string signed_target(const std::string& method, const BlobId& id, std::chrono::seconds lifetime) const;

 private:
  bool knows_password(const http::Request& request) const;
  std::string signature(const std::string& method, const std::string& place, const std::string& from,
                        const std::string& seconds) const;
  std::string complaint_about_signature(const http::Request& request, const std::string& place) const;
  http::Response with_password(http::Request& request) const;
  http::Response with_signature(http::Request& request) const;
  http::Response serve(http::Request& request) const;
  http::Response store(http::Request& request, const BlobId& id) const;

  Blobstore& blobs_;
  BlobAccess access_;
  const Clock& clock_;
  http::Router router_;
};

}  // namespace slipway::director
