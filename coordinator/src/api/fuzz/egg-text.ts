/** The text of a panel's egg. */
export const eggText = (name: string): string =>
  JSON.stringify({
    meta: { version: "PTDL_v2" },
    name,
    docker_images: { Java: "example.test/java:21" },
    startup: "java -jar {{JAR}}",
    config: {
      files: '{"a.yml":{"parser":"yaml","find":{"a.b":"c"}}}',
      startup: '{"done":"up"}',
      logs: "{}",
      stop: "^C",
    },
    scripts: { installation: { script: "true", container: "alpine:3", entrypoint: "ash" } },
    variables: [{ name: "Jar", env_variable: "JAR", default_value: "server.jar", rules: "required|string|max:20" }],
  });
