//! Who may reach the admin listener, and that it is not in the way of the other one.

use crate::config::problem::Problem;
use crate::config::settings::Settings;
use crate::config::view::View;

/// Checks the two listeners.
pub(super) fn check(settings: &Settings, problems: &mut Vec<Problem>, warnings: &mut Vec<String>) {
    let admin = View::new(settings, &["admin"]);
    let health = View::new(settings, &["health"]);
    let Some(Some(address)) = admin.listen("listen") else {
        if admin.is_set("token") {
            warnings.push("admin.token is not used: admin.listen is \"off\"".to_owned());
        }
        return;
    };
    if !address.ip().is_loopback() && !admin.is_tried("token") {
        let mut problem = admin.missing("token");
        problem.expected = format!(
            "{}, since others than this machine reach {address}",
            problem.expected
        );
        problems.push(problem);
    }
    let Some(Some(other)) = health.listen("listen") else {
        return;
    };
    let meets =
        address.ip() == other.ip() || address.ip().is_unspecified() || other.ip().is_unspecified();
    if address.port() == other.port() && address.port() != 0 && meets {
        problems.push(admin.problem(
            "listen",
            format!("{address}"),
            format!("another port than that of health.listen ({other})"),
        ));
    }
}
