#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <time.h>

#include <cstdlib>
#include <iostream>
#include <string>

// The baseline of goal 2: define and create COUNT domains in libvirt's test driver, which lives
// in this process. Prints the processor time of one pair in milliseconds.
namespace {

double processor_ms() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

std::string domain_xml(int number) {
  return "<domain type='test'><name>vm-" + std::to_string(number) +
         "</name><memory unit='MiB'>512</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>";
}

bool define_and_create(virConnectPtr connection, int number) {
  virDomainPtr domain = virDomainDefineXML(connection, domain_xml(number).c_str());
  if (domain == nullptr) return false;
  const bool created = virDomainCreate(domain) == 0;
  virDomainFree(domain);
  return created;
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 200;
  virConnectPtr connection = virConnectOpen("test:///default");
  if (connection == nullptr || count < 1) return 1;
  const double begun = processor_ms();
  for (int i = 0; i < count; ++i) {
    if (!define_and_create(connection, i)) {
      std::cerr << "slipway-bench-define: " << virGetLastErrorMessage() << "\n";
      return 1;
    }
  }
  std::cout << (processor_ms() - begun) / count << "\n";
  virConnectClose(connection);
  return 0;
}
