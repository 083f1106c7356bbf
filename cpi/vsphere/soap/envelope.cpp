#include "cpi/vsphere/soap/envelope.hpp"

#include <sstream>

#include "cpi/vsphere/soap/fault.hpp"

namespace slipway::cpi::vsphere {

std::string soap_request(std::string_view method, const MoRef& self, const Arguments& arguments) {
  pugi::xml_document document;
  auto envelope = document.append_child("soapenv:Envelope");
  envelope.append_attribute("xmlns:soapenv").set_value("http://schemas.xmlsoap.org/soap/envelope/");
  envelope.append_attribute("xmlns:xsd").set_value("http://www.w3.org/2001/XMLSchema");
  envelope.append_attribute("xmlns:xsi").set_value("http://www.w3.org/2001/XMLSchema-instance");
  auto call = envelope.append_child("soapenv:Body").append_child(std::string(method).c_str());
  call.append_attribute("xmlns").set_value("urn:vim25");
  XmlOut out(call);
  out.ref("_this", self);
  if (arguments) arguments(out);
  std::ostringstream text;
  document.save(text, "", pugi::format_raw, pugi::encoding_utf8);
  return text.str();
}

XmlIn soap_response(std::string_view body, std::string_view method, const std::string& what) {
  const auto envelope = parse_xml(body, what + ": vCenter's answer");
  const auto content = envelope.child("Body");
  if (envelope.name() != "Envelope" || !content) {
    throw Error(Fault::outcome_unknown, what + ": vCenter's answer is no SOAP envelope");
  }
  if (const auto fault = content.child("Fault")) throw_soap_fault(what, fault);
  const auto response = content.child(std::string(method) + "Response");
  if (!response) throw Error(Fault::outcome_unknown, what + ": vCenter answered another call");
  return response;
}

}  // namespace slipway::cpi::vsphere
