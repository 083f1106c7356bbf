#include "director/store/dns_numbers.hpp"

#include <doctest/doctest.h>

#include "director/store/fixture.hpp"
#include "director/store/stores.hpp"

using namespace slipway;
using namespace slipway::director;

TEST_CASE("a name keeps its DNS number whatever comes and goes beside it") {
  StoreFixture store;
  DnsNumbers numbers(store.db);
  CHECK(numbers.ensure(DnsNumberKind::az, {"z2", "z1"}) == DnsNumbers::ByName{{"z1", 2}, {"z2", 1}});
  CHECK(numbers.ensure(DnsNumberKind::az, {"z0"}) == DnsNumbers::ByName{{"z0", 3}, {"z1", 2}, {"z2", 1}});
  CHECK(numbers.known(DnsNumberKind::az) == numbers.ensure(DnsNumberKind::az, {"z1"}));
}

TEST_CASE("each kind of name is numbered from one") {
  StoreFixture store;
  DnsNumbers numbers(store.db);
  numbers.ensure(DnsNumberKind::az, {"same"});
  CHECK(numbers.known(DnsNumberKind::network).empty());
  CHECK(numbers.ensure(DnsNumberKind::network, {"same"}) == DnsNumbers::ByName{{"same", 1}});
}

TEST_CASE("an instance's DNS number goes with the instance") {
  StoreFixture store;
  Deployments(store.db).find_or_create("etcd", store.now);
  Instances instances(store.db);
  InstanceRecord instance;
  instance.id = InstanceId{"i-1"};
  instance.deployment = "etcd";
  instance.group = "etcd";
  instances.insert(instance);
  DnsNumbers numbers(store.db);
  numbers.ensure(DnsNumberKind::instance, {"i-1", "i-2"});
  instances.remove(instance.id);
  CHECK(numbers.known(DnsNumberKind::instance) == DnsNumbers::ByName{{"i-2", 2}});
}

TEST_CASE("groups of links are added while a deploy runs, and replaced at its end") {
  StoreFixture store;
  DnsLinkGroups groups(store.db);
  groups.add("dep", {{"web", {"dep/link/a-t"}}});
  groups.add("dep", {{"web", {"dep/link/a-t", "dep/link/b-t"}}, {"db", {"dep/link/c-t"}}});
  CHECK(groups.of("dep").at("web").size() == 2);
  CHECK(groups.of("other").empty());
  groups.replace("dep", {{"web", {"dep/link/b-t"}}});
  CHECK(groups.of("dep") == DnsLinkGroups::ByGroup{{"web", {"dep/link/b-t"}}});
}
