#include "stemcells/agent/blobstore_dav/dav.hpp"

#include <unistd.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/digest.hpp"
#include "base/http/client.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

std::string text_at(const Json& json, std::initializer_list<const char*> keys) {
  const Json* here = &json;
  for (const char* key : keys) {
    if (!here->is_object() || !here->contains(key)) return {};
    here = &(*here)[key];
  }
  return here->is_string() ? here->get<std::string>() : std::string();
}

struct Place {
  std::string base;    // https://host:port
  std::string target;  // the rest, at least "/"
};

Place split_url(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) throw Error(Fault::invalid, "the URL has no scheme");
  const auto path = url.find('/', scheme + 3);
  if (path == std::string::npos) return {url, "/"};
  return {url.substr(0, path), url.substr(path)};
}

class Dav {
 public:
  Dav(const Json& options, const std::string& url) : place_(split_url(url)) {
    http::ClientConfig config;
    config.base_url = place_.base;
    config.ca_pem = text_at(options, {"tls", "cert", "ca"});
    config.timeout = 1800s;
    client_ = std::make_unique<http::Client>(std::move(config));
    const std::string user = text_at(options, {"user"});
    if (!user.empty()) {
      headers_["Authorization"] = "Basic " + base64_encode(user + ":" + text_at(options, {"password"}));
    }
  }

  static Dav of_blob(const Json& options, const std::string& id) {
    if (id.empty() || id.find('/') != std::string::npos || id[0] == '.') {
      throw Error(Fault::invalid, "blob id '" + id + "' is not usable");
    }
    std::string endpoint = text_at(options, {"endpoint"});
    while (!endpoint.empty() && endpoint.back() == '/') endpoint.pop_back();
    return Dav(options, endpoint + "/" + dav_path(id));
  }

  static Dav of_signed_url(const Json& options) {
    Json bare = options;
    bare.erase("user");  // the signature is the proof
    Dav dav(bare, text_at(options, {"signed_url"}));
    if (options.contains("headers") && options["headers"].is_object()) {
      for (const auto& [name, value] : options["headers"].items()) {
        if (value.is_string()) dav.headers_[name] = value.get<std::string>();
      }
    }
    return dav;
  }

  void get(const std::string& file) const {
    repeatedly([&] {
      std::ofstream out(file, std::ios::binary | std::ios::trunc);
      if (!out) throw Error(Fault::internal, "cannot write " + file);
      const auto response = client_->download({.method = "GET", .target = place_.target, .headers = headers_},
                                              [&](std::string_view chunk) {
                                                out.write(chunk.data(), static_cast<std::streamsize>(chunk.size()));
                                              });
      out.close();
      if (!out) throw Error(Fault::exhausted, "writing " + file + " failed: is the disk full?");
      check(response, {200});
    });
  }

  void put(const std::string& file) const {
    if (!fs::is_regular_file(file)) throw Error(Fault::not_found, "no file " + file);
    repeatedly([&] {
      check(client_->send({.method = "PUT", .target = place_.target, .headers = headers_, .body_file = file}),
            {200, 201, 204});
    });
  }

  void require_exists() const {
    repeatedly([&] { check(client_->send({.method = "HEAD", .target = place_.target, .headers = headers_}), {200}); });
  }

  void remove() const {
    repeatedly([&] {
      check(client_->send({.method = "DELETE", .target = place_.target, .headers = headers_}), {200, 202, 204, 404});
    });
  }

 private:
  static void check(const http::ClientResponse& response, std::initializer_list<int> good) {
    for (const int status : good) {
      if (response.status == status) return;
    }
    const std::string text = "the blobstore answered " + std::to_string(response.status);
    if (response.status == 404) throw Error(Fault::not_found, text);
    if (response.status >= 500) throw Error(Fault::retryable, text);
    throw Error(Fault::forbidden, text);
  }

  // Every verb here may be repeated: blobs never change under one id.
  template <class Action>
  static void repeatedly(Action&& action) {
    constexpr int tries = 4;
    for (int attempt = 1;; ++attempt) {
      try {
        return action();
      } catch (const Error& error) {
        const bool again = error.fault() == Fault::retryable || error.fault() == Fault::outcome_unknown;
        if (!again || attempt == tries) throw;
      }
      std::this_thread::sleep_for(500ms * (1 << attempt));
    }
  }

  Place place_;
  http::Headers headers_;
  std::unique_ptr<http::Client> client_;
};

}  // namespace

std::string dav_path(const std::string& id) { return sha1_hex(id).substr(0, 2) + "/" + http::url_encode(id); }

std::string signed_target(const std::string& id, const std::string& verb, const std::string& secret, long now,
                          long valid_seconds) {
  const std::string path = sha1_hex(id).substr(0, 2) + "/" + id;
  const std::string time = std::to_string(now);
  const std::string valid = std::to_string(valid_seconds);
  const std::string signature = base64url_encode(hmac_sha256(secret, verb + path + time + valid));
  return "/signed/" + dav_path(id) + "?st=" + signature + "&ts=" + time + "&e=" + valid;
}

std::string run_dav_command(const Json& options, const std::vector<std::string>& words) {
  const std::string verb = words.empty() ? "" : words[0];
  if (verb == "get" && words.size() == 3) {
    Dav::of_blob(options, words[1]).get(words[2]);
  } else if (verb == "put" && words.size() == 3) {
    Dav::of_blob(options, words[2]).put(words[1]);
  } else if (verb == "exists" && words.size() == 2) {
    Dav::of_blob(options, words[1]).require_exists();
  } else if (verb == "delete" && words.size() == 2) {
    Dav::of_blob(options, words[1]).remove();
  } else if (verb == "fetch" && words.size() == 2) {
    Dav::of_signed_url(options).get(words[1]);
  } else if (verb == "upload" && words.size() == 2) {
    Dav::of_signed_url(options).put(words[1]);
  } else if (verb == "sign" && words.size() == 4 && (words[2] == "get" || words[2] == "put")) {
    const std::string secret = text_at(options, {"secret"});
    if (secret.empty()) throw Error(Fault::invalid, "sign needs options.secret");
    const long valid = std::atol(words[3].c_str());
    return text_at(options, {"endpoint"}) +
           signed_target(words[1], words[2] == "get" ? "GET" : "PUT", secret, std::time(nullptr), valid) + "\n";
  } else {
    throw Error(Fault::invalid, "expected: get ID FILE | put FILE ID | exists ID | delete ID | "
                                "sign ID get|put SECONDS | fetch FILE | upload FILE");
  }
  return {};
}

}  // namespace slipway::agent
