#include "cpi/vsphere/folders.hpp"

#include <algorithm>

#include "cpi/vsphere/soap/fault.hpp"

namespace slipway::cpi::vsphere {

std::string vm_folder_path(const DatacenterConfig& datacenter) {
  return datacenter.name + "/vm/" + datacenter.vm_folder;
}

std::string template_folder_path(const DatacenterConfig& datacenter) {
  return datacenter.name + "/vm/" + datacenter.template_folder;
}

MoRef ensure_folder(Session& session, const DatacenterConfig& datacenter, const std::string& path) {
  if (const auto found = find_by_path(session, path)) return *found;
  const auto top = datacenter.name + "/vm";
  auto here = find_by_path(session, top);
  if (!here)
    throw Error(Fault::invalid,
                "there is no datacenter '" + datacenter.name + "', or the account does not see it");
  for (auto begin = top.size() + 1; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    auto next = find_by_path(session, path.substr(0, end));
    if (!next) {
      try {
        next = session
                   .call("CreateFolder", *here, Effect::changes,
                         [&](XmlOut& in) { in.text("name", path.substr(begin, end - begin)); })
                   .ref("returnval");
      } catch (const Error& error) {
        // Somebody else made it, or the answer was lost.
        if (error.fault() != Fault::conflict && error.fault() != Fault::outcome_unknown) throw;
        next = find_by_path(session, path.substr(0, end));
        if (!next) throw;
      }
    }
    here = next;
    begin = end + 1;
  }
  return *here;
}

void destroy(Session& session, const MoRef& object) {
  constexpr int tries = 3;
  for (int attempt = 1;; ++attempt) {
    try {
      run_task(session, "Destroy_Task", object, {});
      return;
    } catch (const Error& error) {
      if (error.fault() == Fault::not_found) return;
      if (error.fault() != Fault::outcome_unknown || attempt == tries) throw;
    }
  }
}

}  // namespace slipway::cpi::vsphere
