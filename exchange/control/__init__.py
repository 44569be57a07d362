"""The daemon as a producer of commands: operators, schedule, trading day, configuration."""
