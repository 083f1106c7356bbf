#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"

namespace slipway {

// A daemon's one YAML file. Each daemon has a plain struct and one function that reads
// it through `Config`, so that the reader is also the reference page.
//
//   Config in = Config::load(path);
//   c.listen = in.string("listen_address", "127.0.0.1", "address the API listens on");
//   c.tls_key = in.path("tls.private_key_file", "PEM file, readable by the daemon only");
//   in.finish();   // throws all problems: wrong types, missing and unknown keys
class Config {
 public:
  static Config load(const std::string& file);        // Fault::invalid / not_found
  static Config from(Json value, std::string source);  // for tests
  static Config describing();                          // reads nothing: only collects the reference

  // A key may be dotted. Without fallback it is required.
  std::string string(const std::string& key, const std::string& help);
  std::string string(const std::string& key, const std::string& fallback, const std::string& help);
  std::int64_t integer(const std::string& key, std::int64_t fallback, std::int64_t min, std::int64_t max,
                       const std::string& help);
  bool boolean(const std::string& key, bool fallback, const std::string& help);
  std::vector<std::string> strings(const std::string& key, std::vector<std::string> fallback,
                                   const std::string& help);
  std::string path(const std::string& key, const std::string& help);  // required, relative to the file's folder
  std::string path(const std::string& key, const std::string& fallback, const std::string& help);
  Json value(const std::string& key, Json fallback, const std::string& help);  // any shape

  void finish();
  std::string reference_markdown(const std::string& title) const;  // a table of key, default, help

 private:
  Config() = default;
  struct Entry {
    std::string key, fallback, help;
  };
  const Json* find(const std::string& key);
  Json root_;
  std::string source_;
  bool describing_ = false;
  std::vector<Entry> entries_;
  Problems problems_;
};

}  // namespace slipway
