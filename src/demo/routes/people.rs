//! Users, their permissions, and projects.

use serde_json::{Value, json};

use super::{Call, RouteResult, User, bad, listed, not_found, strict};
use crate::demo::reply::Reply;
use crate::demo::state::{NOW, State, id_of, object, text};

pub(super) fn auth(call: &Call, state: &State, rest: &[&str]) -> RouteResult {
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", ["user"]) => Ok(Reply::ok(json!({"user": current_user(call, state)}))),
        ("POST", ["refresh-user-permissions"]) => {
            Ok(Reply::ok(json!({"permissions_refreshed": true})))
        }
        _ => listed::route(call),
    }
}

fn current_user(call: &Call, state: &State) -> Value {
    let user = call.user.unwrap_or(User::ReadOnly);
    let projects = state
        .projects
        .iter()
        .map(|project| text(project, "name").to_owned());
    let permissions: serde_json::Map<String, Value> = projects
        .map(|project| (project, json!(user.permissions())))
        .collect();
    let (name, global) = match user {
        User::Admin => ("dana", vec!["audit-read", "tenant-users-read"]),
        User::ReadOnly => ("kim", Vec::new()),
    };
    json!({
        "id": id_of(&["user", name]), "username": name, "email": format!("{name}@acme.example"),
        "created": "2023-01-01T00:00:00Z", "verified": true, "global_permissions": global,
        "sso_global_permissions": [], "organisation_permissions": permissions,
    })
}

pub(super) fn users(call: &Call, rest: &[&str]) -> RouteResult {
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", []) => {
            call.needs("users-read", "of the tenant")?;
            let user = |name: &str| {
                json!({
                    "id": id_of(&["user", name]), "username": name, "email": format!("{name}@acme.example"),
                    "created": "2023-01-01T00:00:00Z", "verified": true, "last_login_at": "2024-05-01T09:00:00Z",
                    "global_permissions": [], "sso_global_permissions": [], "organisation_permissions": {},
                })
            };
            Ok(Reply::ok(json!({"users": [user("dana"), user("kim")]})))
        }
        _ => listed::route(call),
    }
}

pub(super) fn projects(call: &Call, state: &mut State, rest: &[&str]) -> RouteResult {
    let index = |state: &State, name: &str| {
        state
            .projects
            .iter()
            .position(|project| text(project, "name") == name)
    };
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", []) => Ok(Reply::ok(json!({"projects": state.projects}))),
        ("GET" | "HEAD", [name]) => {
            let index = index(state, name).ok_or_else(not_found)?;
            Ok(Reply::ok(json!({"project": state.projects[index]})))
        }
        ("GET", [name, "resource_counts"]) => {
            index(state, name).ok_or_else(not_found)?;
            Ok(Reply::ok(json!({"resource_counts": counts(state, name)})))
        }
        ("PUT", [name]) => create(call, state, name),
        ("POST", [name]) => {
            call.needs("sources-admin", name)?;
            let index = index(state, name).ok_or_else(not_found)?;
            let given = project_fields(call, &["project"])?;
            state.projects[index].extend(given);
            Ok(Reply::ok(json!({"project": state.projects[index]})))
        }
        ("DELETE", [name]) => {
            call.needs("sources-admin", name)?;
            let index = index(state, name).ok_or_else(not_found)?;
            let (counts, sources) = (
                counts(state, name),
                counts(state, name)["sources"].as_u64().unwrap_or(0),
            );
            if sources > 0 && call.parameter("force") != Some("true") {
                let message = format!(
                    "Project contains child resources but force deletion was not requested: {counts}"
                );
                return Err(Reply::error(409, &message));
            }
            state.projects.remove(index);
            state
                .sources
                .retain(|source| text(&source.facts, "owner") != *name);
            state
                .datasets
                .retain(|dataset| text(&dataset.facts, "owner") != *name);
            Ok(Reply::ok(json!({})))
        }
        _ => listed::route(call),
    }
}

fn create(call: &Call, state: &mut State, name: &str) -> RouteResult {
    call.needs("sources-admin", name)?;
    if state.has_project(name) {
        return Err(Reply::error(409, "A project with this name already exists"));
    }
    let given = project_fields(call, &["project", "user_ids", "uipath_user_ids"])?;
    let mut project = object(json!({
        "id": id_of(&["project", name]), "name": name, "title": name, "description": "",
        "created_at": NOW, "updated_at": NOW, "user_auto_join": false,
    }));
    project.extend(given);
    state.projects.push(project.clone());
    Ok(Reply::ok(json!({"project": project})))
}

fn project_fields(call: &Call, allowed: &[&str]) -> Result<serde_json::Map<String, Value>, Reply> {
    let mut body = call.fields(allowed)?;
    let project = body
        .remove("project")
        .ok_or_else(|| bad("'project' is a required property"))?;
    strict(project, &["title", "description", "user_auto_join"])
}

fn counts(state: &State, project: &str) -> Value {
    let sources = state
        .sources
        .iter()
        .filter(|source| text(&source.facts, "owner") == project)
        .count();
    json!({"sources": sources})
}
