#include "director/store/director_attributes.hpp"

#include "director/store/rows.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view resurrection = "resurrection_paused";

}  // namespace

bool DirectorAttributes::resurrection_paused() {
  const auto found =
      db_.run("SELECT value FROM director_attributes WHERE name = :1", {std::string(resurrection)});
  return !found.rows.empty() && found.rows[0].text("value") == "true";
}

void DirectorAttributes::set_resurrection_paused(bool paused) {
  db_.run(
      "INSERT INTO director_attributes (name, value) VALUES (:1, :2) ON CONFLICT (name) DO UPDATE SET value = :2",
      {std::string(resurrection), std::string(paused ? "true" : "false")});
}

}  // namespace slipway::director
