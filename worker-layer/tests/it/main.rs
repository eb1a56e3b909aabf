//! A worker against a real Redis: nodes are played by the tests, which publish events and read replies.

mod chat;
mod chat_left_behind;
mod chat_login;
mod chat_view;
mod files;
mod files_hostile;
mod files_ours;
mod files_race;
mod files_watcher;
mod following;
mod numbers;
mod process;
mod publishing;
mod sets;
mod sets_backup;
mod sets_horizon;
mod sets_large;
mod sets_poll;
mod sets_refused;
mod sets_vector;
mod sets_viewer;
mod spine;
mod support;
mod version;
