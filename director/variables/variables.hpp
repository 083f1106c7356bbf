#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "director/domain/reader.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {

// Manifest variables: `((name))`, `((name.key))`, `((/absolute/name))`.
// Source: contracts/director-api.md section 7.
class Variables {
 public:
  Variables(VariableValues& values, std::string director_name, Clock& clock)
      : values_(values), director_name_(std::move(director_name)), clock_(clock) {}

  // From now on values are those `deployment` runs with, whatever became of them since, and
  // generate() makes nothing.
  void pin(const std::string& deployment);

  // From now on what generate() makes is kept in this object and not stored.
  void preview() { stores_ = false; }

  // Where the instances behind a link answer, for certificates that consume it; nullopt: there is no such link.
  using LinkAddress = std::function<std::optional<std::string>(const std::string& link)>;
  void take_addresses_from(LinkAddress links) { address_of_link_ = std::move(links); }

  // From now on the keys of new certificates are made on so many threads; else one after the other.
  void make_keys_on(std::size_t threads) { key_threads_ = threads; }

  // Variables whose `update.strategy` is on-stemcell-change keep the values `deployment` runs with.
  void keep_until_stemcell_changes(const std::string& deployment);

  // Makes what the `variables` sections of the documents ask for and the store does not have yet
  // (certificate incl. CA and alternative names, password, rsa, ssh); converge by need. The first
  // document is the manifest, the others are configs that are used with it.
  // Returns the ids the deployment is now pinned to.
  std::vector<std::int64_t> generate(const std::vector<const Json*>& documents, const std::string& deployment);

  // The manifest with every placeholder replaced. All unknown names at once as Fault::invalid.
  Json interpolate(const Json& manifest, const std::string& deployment) const;

  std::string absolute(const std::string& name, const std::string& deployment) const;

 private:
  struct Definition {
    std::string name, place, type, mode, ca;  // name and ca are absolute
    Json options = Json::object();
    bool only_with_stemcell = false;
  };
  class SigningOrder;
  void read_strategy(HashReader& in, Definition& definition) const;
  void read_links(HashReader& in, Definition& definition) const;
  std::string consumed(HashReader& links, const char* key) const;
  std::optional<VariableRecord> find(const std::string& name) const;
  using Known = std::map<std::string, std::optional<VariableRecord>>;
  Known read_all(const std::vector<Definition>& wanted) const;
  std::vector<Secret> keys_for(const std::vector<Definition>& wanted, const Known& known) const;
  VariableRecord keep(const std::string& name, const Json& value, bool is_first);
  std::vector<Definition> definitions(const std::vector<const Json*>& documents, const std::string& deployment,
                                              Problems& problems) const;

  VariableValues& values_;
  std::string director_name_;
  Clock& clock_;
  bool stores_ = true, pinned_ = false;
  std::size_t key_threads_ = 1;
  LinkAddress address_of_link_;
  std::map<std::string, VariableRecord> held_;  // by name: pinned, or made without storing
  std::map<std::string, VariableRecord> deployed_;  // by name, where the stemcell does not change
};

}  // namespace slipway::director
