#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pks-api/identity/identity.hpp"
#include "pks-api/plans/catalog.hpp"
#include "pks-api/store/store.hpp"

namespace slipway::pks {

// What clusters take up, by their plans' `resources`.
struct Amount {
  std::int64_t cpu = 0;
  double memory_gb = 0;
  std::int64_t clusters = 0;
};
Amount amount_of(const ClusterRecord& cluster, const PlanCatalog& plans);
Amount operator+(const Amount& a, const Amount& b);

// Told apart from a lack of rights by its code, quota_exceeded; the status is 403 for both.
class QuotaExceeded : public Error {
 public:
  explicit QuotaExceeded(const std::string& message) : Error(Fault::forbidden, message) {}
};

// Limits of what an owner's clusters may take up together, and what they do. Admins set them and have none
// themselves.
class Quotas {
 public:
  struct Context {  // what it refers to outlives it
    QuotaStore& store;
    ClusterStore& clusters;
    const PlanCatalog& plans;
  };
  explicit Quotas(const Context& context)
      : store_(context.store), clusters_(context.clusters), plans_(context.plans) {}

  std::vector<QuotaRecord> list(const Caller& caller);
  QuotaRecord get(const Caller& caller, const std::string& owner);
  QuotaRecord create(const Caller& caller, const Json& request);  // {owner, limit: {cpu, memory, cluster}}
  QuotaRecord change(const Caller& caller, const std::string& owner,
                     const Json& request);  // {limit}, named ones
  void remove(const Caller& caller, const std::string& owner);

  struct Usage {
    std::string owner;
    Amount totals;
    std::vector<std::pair<std::string, Amount>> clusters;  // by name
  };
  std::vector<Usage> usages(const Caller& caller);  // one's own, for readers of all everybody's
  Usage usage(const Caller& caller, const std::string& owner);

  // QuotaExceeded, naming limit and numbers, when the owner's clusters with this one as it shall be take up
  // too much. Nothing for what takes up no more than it did: a limit that was lowered keeps nobody from
  // shrinking.
  // `wanted`: clusters of one owner as one order would leave them.
  void check(const Caller& caller, const std::vector<ClusterRecord>& wanted);

 private:
  Usage usage_of(const std::string& owner);
  QuotaStore& store_;
  ClusterStore& clusters_;
  const PlanCatalog& plans_;
};

}  // namespace slipway::pks
