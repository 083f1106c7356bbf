#include "cpi/contract/methods.hpp"

#include <functional>
#include <limits>
#include <map>

#include "base/digest.hpp"

namespace slipway::cpi {

namespace {

constexpr std::int64_t any_size = std::numeric_limits<std::int64_t>::max();

// Reads one call's positional arguments and collects what is wrong with them.
class Arguments {
 public:
  Arguments(const Json& values, std::string idempotency_key)
      : values_(values), idempotency_key_(std::move(idempotency_key)) {
    if (!values.is_array()) problems_.add("arguments", "is not a list");
  }

  const std::string& idempotency_key() const { return idempotency_key_; }

  std::string text(std::size_t index, const char* name) {
    const Json* value = at(index, name);
    if (value == nullptr) return {};
    if (!value->is_string()) return fail(index, name, "is not a string", std::string());
    if (value->get_ref<const std::string&>().empty()) return fail(index, name, "is empty", std::string());
    return value->get<std::string>();
  }

  template <class CidType>
  CidType cid(std::size_t index, const char* name) {
    return CidType{text(index, name)};
  }

  std::int64_t positive(std::size_t index, const char* name) {
    const Json* value = at(index, name);
    if (value == nullptr) return 1;
    if (!value->is_number_integer() || value->get<std::int64_t>() < 1 || value->get<std::int64_t>() > any_size) {
      return fail(index, name, "is not an integer above 0", std::int64_t{1});
    }
    return value->get<std::int64_t>();
  }

  Json object(std::size_t index, const char* name) {
    const Json* value = at(index, name);
    if (value == nullptr) return Json::object();
    if (!value->is_object()) return fail(index, name, "is not an object", Json(Json::object()));
    return *value;
  }

  // Absent and null count as empty.
  Json object_or_empty(std::size_t index, const char* name) {
    return absent(index) ? Json(Json::object()) : object(index, name);
  }

  std::optional<VmCid> optional_vm(std::size_t index, const char* name) {
    if (absent(index)) return std::nullopt;
    return VmCid{text(index, name)};
  }

  std::vector<DiskCid> disks_or_empty(std::size_t index, const char* name) {
    std::vector<DiskCid> disks;
    if (absent(index)) return disks;
    const Json& list = values_[index];
    if (!list.is_array()) return fail(index, name, "is not a list", disks);
    for (const auto& item : list) {
      if (!item.is_string()) return fail(index, name, "holds something that is not a string", disks);
      disks.push_back({item.get<std::string>()});
    }
    return disks;
  }

  // All were read: complain about the rest and about everything found wrong.
  void finish(std::size_t allowed) {
    if (values_.is_array() && values_.size() > allowed) {
      problems_.add("arguments", "has " + std::to_string(values_.size()) + " entries, at most " +
                                     std::to_string(allowed) + " are allowed");
    }
    if (problems_.empty()) return;
    std::string details;
    for (const auto& problem : problems_.items()) {
      details += (details.empty() ? "" : "; ") + problem.place + " " + problem.message;
    }
    throw InvalidCall("Arguments are not correct, details: '" + details + "'");
  }

 private:
  bool absent(std::size_t index) const {
    return !values_.is_array() || index >= values_.size() || values_[index].is_null();
  }
  const Json* at(std::size_t index, const char* name) {
    if (!values_.is_array()) return nullptr;
    if (index < values_.size()) return &values_[index];
    problems_.add("argument " + std::to_string(index + 1) + " (" + name + ")", "is missing");
    return nullptr;
  }
  template <class Value>
  Value fail(std::size_t index, const char* name, const char* message, Value fallback) {
    problems_.add("argument " + std::to_string(index + 1) + " (" + name + ")", message);
    return fallback;
  }

  const Json& values_;
  std::string idempotency_key_;
  Problems problems_;
};

using Method = std::function<Json(Cpi&, Arguments&)>;

Json call_info(Cpi& cpi, Arguments& in) {
  in.finish(0);
  const auto info = cpi.info();
  return {{"api_version", info.api_version}, {"stemcell_formats", info.stemcell_formats}};
}

Json call_create_stemcell(Cpi& cpi, Arguments& in) {
  const auto image = in.text(0, "image_path");
  const auto properties = in.object_or_empty(1, "cloud_properties");
  const auto extra = in.object_or_empty(2, "env");
  in.finish(3);
  const auto tags = extra.find("tags");
  return cpi.create_stemcell(image, properties, tags != extra.end() && tags->is_object() ? *tags : Json::object()).value;
}

Json call_create_vm(Cpi& cpi, Arguments& in) {
  CreateVm request;
  request.agent = in.cid<AgentId>(0, "agent_id");
  request.stemcell = in.cid<StemcellCid>(1, "stemcell_cid");
  request.cloud_properties = in.object_or_empty(2, "cloud_properties");
  request.networks = in.object(3, "networks");
  request.disks = in.disks_or_empty(4, "disk_cids");
  request.env = in.object_or_empty(5, "env");
  in.finish(6);
  const auto created = cpi.create_vm(request);
  return Json::array({created.vm.value, created.networks});
}

Json call_calculate(Cpi& cpi, Arguments& in) {
  const auto wanted = in.object(0, "requirements");
  in.finish(1);
  Problems problems;
  JsonReader reader(wanted, "requirements", problems);
  VmRequirements requirements;
  requirements.cpu = reader.integer("cpu", 1, 4096);
  requirements.ram_mib = reader.integer("ram", 1, any_size);
  requirements.ephemeral_disk_mib = reader.integer("ephemeral_disk_size", 0, any_size);
  if (!problems.empty()) {
    const auto& first = problems.items().front();
    throw InvalidCall("Arguments are not correct, details: '" + first.place + " " + first.message + "'");
  }
  return cpi.calculate_vm_cloud_properties(requirements);
}

Json call_create_disk(Cpi& cpi, Arguments& in) {
  const auto size = in.positive(0, "size");
  const auto properties = in.object_or_empty(1, "cloud_properties");
  const auto vm = in.optional_vm(2, "vm_cid");
  in.finish(3);
  return cpi.create_disk(size, properties, vm, in.idempotency_key()).value;
}

Json call_get_disks(Cpi& cpi, Arguments& in) {
  const auto vm = in.cid<VmCid>(0, "vm_cid");
  in.finish(1);
  Json disks = Json::array();
  for (const auto& disk : cpi.get_disks(vm)) disks.push_back(disk.value);
  return disks;
}

Json call_update_disk(Cpi& cpi, Arguments& in) {
  const auto disk = in.cid<DiskCid>(0, "disk_cid");
  const auto size = in.positive(1, "new_size");
  const auto properties = in.object_or_empty(2, "cloud_properties");
  in.finish(3);
  const auto replaced = cpi.update_disk(disk, size, properties);
  return replaced ? Json(replaced->value) : Json(nullptr);
}

Json call_resize_disk(Cpi& cpi, Arguments& in) {
  const auto disk = in.cid<DiskCid>(0, "disk_cid");
  const auto size = in.positive(1, "new_size");
  in.finish(2);
  cpi.resize_disk(disk, size);
  return nullptr;
}

Json call_snapshot_disk(Cpi& cpi, Arguments& in) {
  const auto disk = in.cid<DiskCid>(0, "disk_cid");
  const auto metadata = in.object_or_empty(1, "metadata");
  in.finish(2);
  return cpi.snapshot_disk(disk, metadata).value;
}

Json call_get_vm_logs(Cpi& cpi, Arguments& in) {
  const auto vm = in.cid<VmCid>(0, "vm_cid");
  const auto most = in.positive(1, "max_bytes");
  in.finish(2);
  return base64_encode(cpi.get_vm_logs(vm, most));
}

// Methods of one cid.
template <class CidType, class Result>
Method of_cid(Result (Cpi::*member)(const CidType&), const char* name) {
  return [member, name](Cpi& cpi, Arguments& in) -> Json {
    const auto cid = in.cid<CidType>(0, name);
    in.finish(1);
    if constexpr (std::is_void_v<Result>) {
      (cpi.*member)(cid);
      return nullptr;
    } else {
      return (cpi.*member)(cid);
    }
  };
}

template <class CidType>
Method of_metadata(void (Cpi::*member)(const CidType&, const Json&), const char* name) {
  return [member, name](Cpi& cpi, Arguments& in) -> Json {
    const auto cid = in.cid<CidType>(0, name);
    const auto metadata = in.object(1, "metadata");
    in.finish(2);
    (cpi.*member)(cid, metadata);
    return nullptr;
  };
}

template <class Result>
Method of_attachment(Result (Cpi::*member)(const VmCid&, const DiskCid&)) {
  return [member](Cpi& cpi, Arguments& in) -> Json {
    const auto vm = in.cid<VmCid>(0, "vm_cid");
    const auto disk = in.cid<DiskCid>(1, "disk_cid");
    in.finish(2);
    if constexpr (std::is_void_v<Result>) {
      (cpi.*member)(vm, disk);
      return nullptr;
    } else {
      return (cpi.*member)(vm, disk);
    }
  };
}

Method legacy(const char* name) {
  return [name](Cpi&, Arguments&) -> Json {
    throw CpiError(ErrorType::not_implemented, std::string(name) + " belongs to version 1 of the contract");
  };
}

const std::map<std::string, Method>& methods() {
  static const std::map<std::string, Method> table{
      {"info", call_info},
      {"create_stemcell", call_create_stemcell},
      {"delete_stemcell", of_cid(&Cpi::delete_stemcell, "stemcell_cid")},
      {"create_vm", call_create_vm},
      {"delete_vm", of_cid(&Cpi::delete_vm, "vm_cid")},
      {"reboot_vm", of_cid(&Cpi::reboot_vm, "vm_cid")},
      {"has_vm", of_cid(&Cpi::has_vm, "vm_cid")},
      {"set_vm_metadata", of_metadata(&Cpi::set_vm_metadata, "vm_cid")},
      {"calculate_vm_cloud_properties", call_calculate},
      {"create_disk", call_create_disk},
      {"delete_disk", of_cid(&Cpi::delete_disk, "disk_cid")},
      {"has_disk", of_cid(&Cpi::has_disk, "disk_cid")},
      {"attach_disk", of_attachment(&Cpi::attach_disk)},
      {"detach_disk", of_attachment(&Cpi::detach_disk)},
      {"get_disks", call_get_disks},
      {"set_disk_metadata", of_metadata(&Cpi::set_disk_metadata, "disk_cid")},
      {"resize_disk", call_resize_disk},
      {"update_disk", call_update_disk},
      {"snapshot_disk", call_snapshot_disk},
      {"delete_snapshot", of_cid(&Cpi::delete_snapshot, "snapshot_cid")},
      {"create_network",
       [](Cpi& cpi, Arguments& in) -> Json {
         const auto definition = in.object(0, "subnet_definition");
         in.finish(1);
         return cpi.create_network(definition);
       }},
      {"delete_network", of_cid(&Cpi::delete_network, "network_cid")},
      {"get_vm_logs", call_get_vm_logs},
      {"power_off_vm", of_cid(&Cpi::power_off_vm, "vm_cid")},
      {"ping", legacy("ping")},
      {"current_vm_id", legacy("current_vm_id")},
      {"configure_networks", legacy("configure_networks")},
  };
  return table;
}

}  // namespace

Json call_method(Cpi& cpi, const std::string& method, const Json& arguments, const std::string& idempotency_key) {
  const auto found = methods().find(method);
  if (found == methods().end()) throw InvalidCall("Method is not known, got '" + method + "'");
  Arguments in(arguments, idempotency_key);
  return found->second(cpi, in);
}

}  // namespace slipway::cpi
