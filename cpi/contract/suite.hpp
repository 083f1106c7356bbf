#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>

#include "cpi/contract/cpi.hpp"

// The one contract suite. Each CPI's test names a function that makes a Subject, and
//
//   SLIPWAY_CPI_CONTRACT("libvirt, LXC, by exec", make_subject)
//
// becomes a doctest suite with one test case for each promise of the contract. Every case
// removes what it made, also when it fails.
namespace slipway::cpi::suite {

struct Subject {
  std::shared_ptr<Cpi> cpi;
  std::string image_path;                    // an image this CPI can make a stemcell of
  Json stemcell_properties = Json::object();
  Json vm_properties = Json::object();
  Json disk_properties = Json::object();
  Json env = Json::object();
  std::string agent_prefix = "suite";        // agent ids made by the suite start so
  std::function<Json()> networks;            // a set of networks nobody uses yet, for one VM
  // Looking past the CPI: does it exist in the cloud itself? Empty: not asked.
  std::function<bool(const VmCid&)> vm_exists;
  std::function<bool(const DiskCid&)> disk_exists;
  std::function<bool(const VmCid&)> vm_runs;  // empty: not asked
  // Returns when the guest can react to hardware changes. Empty: at once.
  std::function<void(const VmCid&)> wait_for_guest;
  bool makes_networks = true;                // false: create_network is not_implemented
  bool looks_into_failed_vms = false;        // false: get_vm_logs and power_off_vm are not_implemented
  bool spares_stemcells = false;             // leave them for the next case: unpacking takes long
};

void info_names_version_and_formats(const Subject& subject);
void stemcell_is_stored_once(const Subject& subject);
void bad_image_is_refused(const Subject& subject);
void vm_lives_and_dies(const Subject& subject);
void failed_create_leaves_nothing(const Subject& subject);
void parallel_creates_give_one_vm_an_agent(const Subject& subject);
void unknown_vm_is_vm_not_found(const Subject& subject);
void unknown_disk_is_disk_not_found(const Subject& subject);
void disk_lives_and_dies(const Subject& subject);
void disk_moves_between_vms(const Subject& subject);
void deleting_a_vm_spares_its_disk(const Subject& subject);
void bad_sizes_are_refused(const Subject& subject);
void networks_follow_the_contract(const Subject& subject);
void logs_of_a_vm_are_read(const Subject& subject);
void powered_off_vm_stays_off(const Subject& subject);

}  // namespace slipway::cpi::suite

#define SLIPWAY_CPI_CONTRACT(name, make_subject)                                                           \
  TEST_SUITE(name) {                                                                                       \
    TEST_CASE("info names a version and the stemcell formats") {                                           \
      slipway::cpi::suite::info_names_version_and_formats(make_subject());                                 \
    }                                                                                                      \
    TEST_CASE("the same image is one stemcell and deleting it repeats safely") {                           \
      slipway::cpi::suite::stemcell_is_stored_once(make_subject());                                        \
    }                                                                                                      \
    TEST_CASE("an image that cannot be read is a CloudError") {                                            \
      slipway::cpi::suite::bad_image_is_refused(make_subject());                                           \
    }                                                                                                      \
    TEST_CASE("a VM is created once an agent id, rebooted, described and deleted") {                       \
      slipway::cpi::suite::vm_lives_and_dies(make_subject());                                              \
    }                                                                                                      \
    TEST_CASE("a create_vm that fails leaves no VM") {                                                     \
      slipway::cpi::suite::failed_create_leaves_nothing(make_subject());                                   \
    }                                                                                                      \
    TEST_CASE("creates in parallel give one VM an agent") {                                                \
      slipway::cpi::suite::parallel_creates_give_one_vm_an_agent(make_subject());                          \
    }                                                                                                      \
    TEST_CASE("an unknown VM is VMNotFound to every method but has_vm") {                                  \
      slipway::cpi::suite::unknown_vm_is_vm_not_found(make_subject());                                     \
    }                                                                                                      \
    TEST_CASE("an unknown disk is DiskNotFound to every method but has_disk") {                            \
      slipway::cpi::suite::unknown_disk_is_disk_not_found(make_subject());                                 \
    }                                                                                                      \
    TEST_CASE("a detached disk is described, resized, copied and deleted") {                               \
      slipway::cpi::suite::disk_lives_and_dies(make_subject());                                            \
    }                                                                                                      \
    TEST_CASE("a disk is in one VM at a time and moves to another") {                                      \
      slipway::cpi::suite::disk_moves_between_vms(make_subject());                                         \
    }                                                                                                      \
    TEST_CASE("deleting a VM spares its persistent disk") {                                                \
      slipway::cpi::suite::deleting_a_vm_spares_its_disk(make_subject());                                  \
    }                                                                                                      \
    TEST_CASE("sizes that no disk can have are refused") {                                                 \
      slipway::cpi::suite::bad_sizes_are_refused(make_subject());                                          \
    }                                                                                                      \
    TEST_CASE("networks are created and deleted, or declared not implemented") {                           \
      slipway::cpi::suite::networks_follow_the_contract(make_subject());                                   \
    }                                                                                                      \
    TEST_CASE("a VM's logs are read from outside, or declared not implemented") {                          \
      slipway::cpi::suite::logs_of_a_vm_are_read(make_subject());                                          \
    }                                                                                                      \
    TEST_CASE("a VM is powered off for good, or that is declared not implemented") {                       \
      slipway::cpi::suite::powered_off_vm_stays_off(make_subject());                                       \
    }                                                                                                      \
  }
