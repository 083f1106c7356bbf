#pragma once

#include <set>
#include <string>

#include "base/json.hpp"
#include "base/secret.hpp"
#include "base/sql/database.hpp"

namespace slipway::director {

// What deployments offer to others by `shared: true`, as of their last success. The contents
// hold properties, so they are sealed.
class SharedLinks {
 public:
  SharedLinks(sql::Database& db, Secret key) : db_(db), key_(std::move(key)) {}
  // `links` as Assignment::shared_links has them; nothing of what was offered before remains.
  void replace(const std::string& deployment, const Json& links);
  // The offers of these deployments, joined.
  Json of(const std::set<std::string>& deployments);

 private:
  sql::Database& db_;
  Secret key_;
};

}  // namespace slipway::director
