// What the console shows, beside its page of the API.
export { JobPage } from "./job.js";
export { JobList } from "./jobs.js";
export { ScheduleForm, SchedulesPage } from "./schedules.js";
export { Submit } from "./submit.js";
