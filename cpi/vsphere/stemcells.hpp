#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cpi/contract/cpi.hpp"
#include "cpi/vsphere/devices.hpp"
#include "cpi/vsphere/image.hpp"
#include "cpi/vsphere/placement.hpp"

namespace slipway::cpi::vsphere {

// A stemcell as one cluster and datastore have it: a template with a snapshot that VMs are cloned from.
struct Replica {
  MoRef vm;
  MoRef snapshot;
  std::vector<Device> devices;
};

// Stemcells of all configured datacenters. One is a folder named after it below the template folder; in it
// is a template for each pair of cluster and datastore that a VM was made for, copied from the first when
// it is first needed. A template gets its final name as the last step of its making, so one with such a name
// is whole; what a crash left has a name of its own and goes when the stemcell is deleted.
class Stemcells {
 public:
  explicit Stemcells(Session& session) : session_(session) {}

  // The cid is made of the image's digest: the same image is the same stemcell.
  StemcellCid create(const std::string& image);
  // Throws cloud_error while a VM uses it; an unknown cid is success.
  void remove(const StemcellCid& stemcell);
  // Throws VMCreationFailed when there is no such stemcell in the datacenter or any other.
  Replica replica_for(const StemcellCid& stemcell, const Placement& placement);

 private:
  struct Template {
    MoRef vm;
    std::string name;
    MoRef snapshot;
    bool whole = false;
    std::vector<Device> devices;
  };
  std::optional<MoRef> folder_of(const DatacenterConfig& datacenter, const StemcellCid& stemcell);
  std::vector<Template> templates_in(const MoRef& folder);
  MoRef import(const OvfImage& image, const Placement& placement, const MoRef& folder,
               const std::string& name);
  void upload_to(const XmlIn& lease_info, const MoRef& lease, const XmlIn& file_items, const OvfImage& image);
  void freeze(const MoRef& vm, const std::string& final_name);
  void require_unused(const DatacenterConfig& datacenter, const StemcellCid& stemcell);
  std::string temporary_name();
  // Makes a template by way of a VM called `name`, which is removed again when that fails.
  void make_template(const MoRef& folder, const std::string& final_name,
                     const std::function<MoRef(const std::string& name)>& make);

  Session& session_;
};

}  // namespace slipway::cpi::vsphere
