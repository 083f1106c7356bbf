# Writes a release's jobs and their properties as a page of the reference.
#
#   ruby release_reference.rb FOLDER
require 'json'
require 'yaml'

folder = ARGV.fetch(0)
name = YAML.load_file(File.join(folder, 'config/final.yml'))['name']
puts "# The release `#{name}`: jobs and properties"
puts
puts 'Of the `spec` of each job. A property without a default is required, unless its description says otherwise.'
Dir[File.join(folder, 'jobs/*/spec')].sort.each do |file|
  spec = YAML.load_file(file)
  puts "\n## #{spec['name']}\n\n#{spec['description'].strip.gsub(/\s+/, ' ')}\n"
  { 'Provides' => 'provides', 'Consumes' => 'consumes' }.each do |word, key|
    puts "\n#{word} the link #{spec[key].map { |link| "`#{link['name']}`" }.join(', ')}." if spec[key]
  end
  next if spec['properties'].to_h.empty?

  puts "\n| Property | Default | Meaning |\n|---|---|---|"
  spec['properties'].each do |property, about|
    default = about.key?('default') ? "`#{about['default'].is_a?(String) ? about['default'] : JSON.generate(about['default'])}`" : ''
    default = '`""`' if default == '``'
    puts "| `#{property}` | #{default} | #{about['description'].strip.gsub(/\s+/, ' ').gsub('|', '\\|')} |"
  end
end
