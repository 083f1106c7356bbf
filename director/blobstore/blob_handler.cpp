#include "director/blobstore/blob_handler.hpp"

#include <charconv>
#include <optional>

#include "base/digest.hpp"

namespace slipway::director {
namespace {

using http::Request;
using http::Response;

std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || value < 0)
    return std::nullopt;
  return value;
}

std::string place_in(const Request& request) {
  return request.path_param("folder") + "/" + request.path_param("id");
}

// The part of an id's place that comes before it must be the one that belongs to it.
BlobId blob_in(const Request& request) {
  BlobId id{request.path_param("id")};
  if (Blobstore::place(id) != place_in(request)) throw Error(Fault::not_found, "no such blob");
  return id;
}

int status_of(Fault fault) {
  switch (fault) {
    case Fault::invalid:
      return 400;
    case Fault::not_found:
      return 404;
    case Fault::conflict:
      return 409;
    case Fault::exhausted:
      return 507;
    default:
      return 0;
  }
}

}  // namespace

BlobHandler::BlobHandler(Blobstore& blobs, BlobAccess access, const Clock& clock)
    : blobs_(blobs), access_(std::move(access)), clock_(clock) {
  if (access_.user.empty() || access_.password.empty())
    throw Error(Fault::invalid, "the blobstore needs a user and a password for agents");
  for (const std::string method : {"GET", "PUT", "DELETE"})
    router_.add(method, "/{folder}/{id}", [this](Request& request) { return with_password(request); });
  for (const std::string method : {"GET", "PUT"})
    router_.add(method, "/signed/{folder}/{id}",
                [this](Request& request) { return with_signature(request); });
}

Response BlobHandler::operator()(Request& request) const { return router_(request); }

bool BlobHandler::knows_password(const Request& request) const {
  const auto header = request.headers.find("Authorization");
  if (header == request.headers.end() || !header->second.starts_with("Basic ")) return false;
  try {
    const Secret given(base64_decode(header->second.substr(6)));
    return given.equals(Secret(access_.user + ":" + access_.password.reveal()));
  } catch (const Error&) {
    return false;
  }
}

Response BlobHandler::with_password(Request& request) const {
  if (knows_password(request)) return serve(request);
  auto response = Response::empty(401);
  response.headers["WWW-Authenticate"] = "Basic realm=\"blobstore\"";
  return response;
}

std::string BlobHandler::signature(const std::string& method, const std::string& place,
                                   const std::string& from, const std::string& seconds) const {
  return base64url_encode(hmac_sha256(access_.signing_secret.reveal(), method + place + from + seconds));
}

std::string BlobHandler::signed_target(const std::string& method, const BlobId& id,
                                       std::chrono::seconds lifetime) const {
  if (access_.signing_secret.empty())
    throw Error(Fault::internal, "the blobstore has no secret to sign URLs with");
  const auto place = Blobstore::place(id);
  const auto from = std::to_string(to_epoch_seconds(clock_.now()));
  const auto seconds = std::to_string(lifetime.count());
  return "/signed/" + place + "?st=" + signature(method, place, from, seconds) + "&ts=" + from +
         "&e=" + seconds;
}

std::string BlobHandler::complaint_about_signature(const Request& request, const std::string& place) const {
  const auto from = request.query_value("ts").value_or("");
  const auto seconds = request.query_value("e").value_or("");
  const Secret given(request.query_value("st").value_or(""));
  // Who may read a blob may also ask for its length.
  const auto method = request.method == "HEAD" ? std::string("GET") : request.method;
  if (access_.signing_secret.empty() || !given.equals(Secret(signature(method, place, from, seconds))))
    return "The signature is wrong\n";
  const auto begin = whole_number(from);
  const auto lifetime = whole_number(seconds);
  if (!begin || !lifetime || to_epoch_seconds(clock_.now()) - *begin > *lifetime)
    return "The signature has expired\n";
  return {};
}

Response BlobHandler::with_signature(Request& request) const {
  if (auto complaint = complaint_about_signature(request, place_in(request)); !complaint.empty())
    return Response::text(403, std::move(complaint));
  return serve(request);
}

Response BlobHandler::serve(Request& request) const {
  try {
    const auto id = blob_in(request);
    if (request.method == "PUT") return store(request, id);
    if (request.method == "DELETE") {
      blobs_.remove(id);
      return Response::empty(204);
    }
    return Response::file(request, blobs_.path(id).string(), "application/octet-stream");
  } catch (const Error& error) {
    const int status = status_of(error.fault());
    if (status == 0) throw;
    return Response::text(status, std::string(error.what()) + "\n");
  }
}

Response BlobHandler::store(Request& request, const BlobId& id) const {
  const bool was_there = blobs_.exists(id);
  blobs_.put(*request.body, id);
  return Response::empty(was_there ? 204 : 201);
}

}  // namespace slipway::director
