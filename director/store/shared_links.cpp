#include "director/store/shared_links.hpp"

#include "director/store/sealed.hpp"

namespace slipway::director {

namespace {

std::string subject(const std::string& deployment) { return "shared links of deployment '" + deployment + "'"; }

}  // namespace

void SharedLinks::replace(const std::string& deployment, const Json& links) {
  const auto text = links.empty() ? "" : sealed::close(key_, deployment, links);
  db_.transaction([&](sql::Session& session) {
    session.run("DELETE FROM shared_links WHERE deployment = :1", {deployment});
    if (links.empty()) return;
    session.run("INSERT INTO shared_links (deployment, sealed) VALUES (:1, :2)", {deployment, text});
  });
}

Json SharedLinks::of(const std::set<std::string>& deployments) {
  Json joined = Json::array();
  for (const auto& deployment : deployments) {
    const auto found = db_.run("SELECT sealed FROM shared_links WHERE deployment = :1", {deployment});
    if (found.rows.empty()) continue;
    for (auto& link : sealed::open(key_, deployment, found.rows[0].text("sealed"), subject(deployment))) {
      joined.push_back(std::move(link));
    }
  }
  return joined;
}

}  // namespace slipway::director
