#include "cpi/vsphere/disk_files.hpp"

#include <sstream>

#include "cpi/vsphere/properties.hpp"
#include "cpi/vsphere/soap/fault.hpp"

namespace slipway::cpi::vsphere {

namespace {

constexpr std::string_view vmdk_ending = ".vmdk";
constexpr std::size_t largest_note = 1u << 20;

void run_until_gone(Session& session, const char* method, const MoRef& manager, const MoRef& datacenter,
                    const std::string& bracketed) {
  constexpr int tries = 4;
  for (int attempt = 1;; ++attempt) {
    try {
      run_task(session, method, manager,
               [&](XmlOut& in) { in.text("name", bracketed).ref("datacenter", datacenter); });
      return;
    } catch (const Error& error) {
      if (error.fault() == Fault::not_found) return;
      if (error.fault() != Fault::outcome_unknown || attempt == tries) throw;
    }
  }
}

}  // namespace

Session::DatastoreFile DiskPlace::file() const {
  return {config->name, datastore, config->disk_path + "/" + name + std::string(vmdk_ending)};
}

Session::DatastoreFile DiskPlace::note() const {
  return {config->name, datastore, config->disk_path + "/" + name + ".json"};
}

bool is_persistent_disk(const DatacenterConfig& datacenter, const std::string& file) {
  const auto path = parse_datastore_path(file);
  return path && path->folder() == datacenter.disk_path && path->path.ends_with(vmdk_ending);
}

DiskCid disk_of(const std::string& file) {
  const auto begin = file.rfind('/') + 1;
  return {file.substr(begin, file.size() - begin - vmdk_ending.size())};
}

std::optional<std::string> query_uuid(Session& session, const MoRef& datacenter,
                                      const std::string& bracketed) {
  try {
    const auto answer =
        session.call("QueryVirtualDiskUuid", session.content().virtual_disk_manager, Effect::looks,
                     [&](XmlOut& in) { in.text("name", bracketed).ref("datacenter", datacenter); });
    return plain_uuid(answer.text("returnval"));
  } catch (const VimFault& fault) {
    if (fault.fault() == Fault::not_found || fault.is("CannotAccessFile")) return std::nullopt;
    throw;
  }
}

Json read_note(Session& session, const DiskPlace& place) {
  const auto text = session.get_file(place.note(), largest_note);
  if (!text) return Json::object();
  try {
    auto note = parse_json(*text, place.note().bracketed());
    if (note.is_object()) return note;
  } catch (const Error& error) {
    session.log().warn("disk.note", {{"file", place.note().bracketed()}, {"error", error.what()}});
  }
  return Json::object();
}

void write_note(Session& session, const DiskPlace& place, const Json& note) {
  session.put_file(place.note(), dump(note));
}

std::optional<std::int64_t> size_in_descriptor(const std::string& text) {
  constexpr std::int64_t sectors_a_kib = 2;
  constexpr std::int64_t most_sectors = std::int64_t{1} << 40;
  std::optional<std::int64_t> sectors;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string access;
    std::int64_t size = 0;
    if (!(words >> access >> size) || (access != "RW" && access != "RDONLY" && access != "NOACCESS"))
      continue;
    if (size < 0 || size > most_sectors) return std::nullopt;
    sectors = sectors.value_or(0) + size;
  }
  if (!sectors) return std::nullopt;
  return *sectors / sectors_a_kib;
}

std::int64_t size_kib(Session& session, const DiskPlace& place, const MoRef& datastore) {
  const auto file = place.file();
  const auto browser = retrieve_one(session, datastore, {"browser"});
  if (browser) {
    const auto folder = "[" + place.datastore + "] " + place.config->disk_path;
    const auto found = run_task(session, "SearchDatastore_Task", browser->ref("browser"), [&](XmlOut& in) {
      in.text("datastorePath", folder);
      auto search = in.child("searchSpec");
      search.child("query", "VmDiskFileQuery")
          .child("details")
          .flag("diskType", false)
          .flag("capacityKb", true)
          .flag("hardwareVersion", false);
      search.child("details")
          .flag("fileType", true)
          .flag("fileSize", false)
          .flag("modification", false)
          .flag("fileOwner", false);
      search.text("matchPattern", place.name + std::string(vmdk_ending));
    });
    for (const auto& one : found.children("file")) {
      if (const auto capacity = one.number("capacityKb"); capacity && *capacity > 0) return *capacity;
    }
  }
  constexpr std::size_t largest_descriptor = 1u << 20;
  if (const auto text = session.get_file(file, largest_descriptor)) {
    if (const auto size = size_in_descriptor(*text)) return *size;
  }
  throw Error(Fault::internal, "vCenter does not say how large " + file.bracketed() + " is");
}

void make_disk_folder(Session& session, const DiskPlace& place) {
  try {
    session.call("MakeDirectory", session.content().file_manager, Effect::changes, [&](XmlOut& in) {
      in.text("name", "[" + place.datastore + "] " + place.config->disk_path)
          .ref("datacenter", place.datacenter);
      in.flag("createParentDirectories", true);
    });
  } catch (const Error& error) {
    // It is there, or the answer was lost: what needs it will tell.
    if (error.fault() != Fault::conflict && error.fault() != Fault::outcome_unknown) throw;
  }
}

void delete_file(Session& session, const MoRef& datacenter, const std::string& bracketed) {
  run_until_gone(session, "DeleteDatastoreFile_Task", session.content().file_manager, datacenter, bracketed);
}

void delete_disk_file(Session& session, const MoRef& datacenter, const std::string& bracketed) {
  run_until_gone(session, "DeleteVirtualDisk_Task", session.content().virtual_disk_manager, datacenter,
                 bracketed);
}

}  // namespace slipway::cpi::vsphere
