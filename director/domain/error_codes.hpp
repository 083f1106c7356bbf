#pragma once

// The numbers the director puts on the wire for what is wrong with a manifest or config.
// Source: BOSH's director errors; contracts/director-api.md sections 3 and 4.
namespace slipway::director::code {

inline constexpr int release_archive = 30002;
inline constexpr int release_not_found = 30005;
inline constexpr int release_version_not_found = 30006;

inline constexpr int release_in_use = 30007;
inline constexpr int release_not_of_deployment = 30011;
inline constexpr int package_differs = 30012;
inline constexpr int job_differs = 30013;
inline constexpr int commit_differs = 30014;
inline constexpr int release_digest_differs = 30015;
inline constexpr int dependency_key_differs = 30016;

inline constexpr int wrong_type = 40000;
inline constexpr int missing_field = 40001;
inline constexpr int below_minimum = 40002;
inline constexpr int above_maximum = 40003;
inline constexpr int invalid_value = 40005;

inline constexpr int stemcell_archive = 50000;
inline constexpr int stemcell_not_found = 50003;
inline constexpr int stemcell_in_use = 50004;
inline constexpr int stemcell_alias_taken = 50005;
inline constexpr int stemcell_both_name_and_os = 50006;

inline constexpr int stemcell_digest_differs = 50007;
inline constexpr int stemcell_not_supported = 50008;

inline constexpr int package_without_source = 60001;

inline constexpr int deployment_not_found = 70000;
inline constexpr int instance_not_found = 70001;
inline constexpr int target_state_undefined = 70007;
inline constexpr int job_not_found = 70009;

inline constexpr int compilation_unknown_network = 120001;
inline constexpr int compilation_unknown_az = 120002;
inline constexpr int compilation_unknown_vm_type = 120003;
inline constexpr int compilation_several_sizes = 120004;
inline constexpr int compilation_unknown_vm_extension = 120005;

inline constexpr int ip_in_use = 130008;
inline constexpr int ip_wrong_pool = 130009;
inline constexpr int no_free_address = 130011;
inline constexpr int ip_outside_subnet = 130012;
inline constexpr int ip_reserved = 130013;

inline constexpr int group_unknown_release = 140002;
inline constexpr int group_unknown_vm_type = 140004;
inline constexpr int group_unknown_stemcell = 140005;
inline constexpr int group_without_network = 140009;
inline constexpr int group_invalid_jobs = 140010;
inline constexpr int invalid_lifecycle = 140011;
inline constexpr int group_unknown_disk_type = 140012;
inline constexpr int group_several_disks = 140013;
inline constexpr int group_azs_missing = 140017;
inline constexpr int group_unknown_az = 140018;
inline constexpr int instance_ignored = 140021;
inline constexpr int group_several_sizes = 140022;
inline constexpr int group_unknown_job = 140029;

inline constexpr int group_unknown_network = 150001;
inline constexpr int static_ip_count = 150002;
inline constexpr int invalid_network_default = 150003;
inline constexpr int several_network_defaults = 150004;
inline constexpr int missing_network_default = 150005;
inline constexpr int network_misses_az = 150006;
inline constexpr int static_ip_in_other_az = 150007;
inline constexpr int static_ip_on_dynamic_network = 150008;
inline constexpr int invalid_static_ips = 150009;

inline constexpr int overlapping_subnets = 160001;
inline constexpr int invalid_range = 160002;
inline constexpr int invalid_gateway = 160003;
inline constexpr int invalid_dns = 160004;
inline constexpr int reserved_out_of_range = 160005;
inline constexpr int static_out_of_range = 160006;
inline constexpr int subnet_unknown_az = 160007;
inline constexpr int network_invalid_property = 160008;
inline constexpr int subnet_az_rule = 160009;

inline constexpr int invalid_watch_time = 180001;

inline constexpr int duplicate_release = 190002;
inline constexpr int duplicate_vm_type = 190004;
inline constexpr int duplicate_vm_extension = 190005;
inline constexpr int group_name_taken = 190006;
inline constexpr int network_name_taken = 190007;
inline constexpr int no_networks = 190008;
inline constexpr int invalid_network_type = 190010;
inline constexpr int duplicate_disk_type = 190013;
inline constexpr int invalid_property = 190014;
inline constexpr int invalid_link = 190016;
inline constexpr int duplicate_az = 190017;
inline constexpr int invalid_migrated_from = 190018;
inline constexpr int stemcells_missing = 190019;
inline constexpr int ignored_instances_changed = 190020;
inline constexpr int ignored_instances_deleted = 190021;
inline constexpr int duplicate_variable = 190022;

inline constexpr int disk_type_size = 200001;

inline constexpr int no_blob_of_agent = 400001;
inline constexpr int jobs_not_running = 400007;

inline constexpr int invalid_canonical_name = 420001;
inline constexpr int compiled_package_missing = 430003;

inline constexpr int bad_manifest = 440001;
inline constexpr int config_not_found = 440012;
inline constexpr int agent_silent = 450002;

inline constexpr int errand_not_runnable = 510000;
inline constexpr int runtime_release_version = 530001;
inline constexpr int addon_release_missing = 530002;
inline constexpr int runtime_release_conflict = 530003;
inline constexpr int addon_filter_job = 530004;
inline constexpr int addon_filter_stemcell = 530005;
inline constexpr int addon_deployment_filter = 530006;
inline constexpr int runtime_several_tags = 530006;

inline constexpr int variable_name_missing = 540002;
inline constexpr int variable_name_syntax = 540004;
inline constexpr int variable_generation = 540005;
inline constexpr int variable_placement = 540007;

inline constexpr int duplicate_cpi = 550000;

inline constexpr int variables_format = 560000;
inline constexpr int features_unknown_type = 560001;
inline constexpr int several_compilation_sections = 570000;

}  // namespace slipway::director::code
